"""The recount behind `till-central verify`: from the stored bytes of events to every figure that central keeps."""
