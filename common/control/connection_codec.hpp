// How messages about connections are written and read: the part of the codec that encode.cpp and
// decode.cpp leave to encode_connections.cpp and decode_connections.cpp.
#pragma once

#include "common/control/connection_messages.hpp"
#include "common/control/field_reader.hpp"
#include "common/control/field_writer.hpp"

namespace adit::control {

void write(FieldWriter& out, const ConnectionsRequest& value);
void write(FieldWriter& out, const Connections& value);
void write(FieldWriter& out, const RecordsRequest& value);
void write(FieldWriter& out, const Records& value);
void write(FieldWriter& out, const Kill& value);
void write(FieldWriter& out, const KillReply& value);

bool read(Bytes bytes, ConnectionsRequest& out);
bool read(Bytes bytes, Connections& out);
bool read(Bytes bytes, RecordsRequest& out);
bool read(Bytes bytes, Records& out);
bool read(Bytes bytes, Kill& out);
bool read(Bytes bytes, KillReply& out);

}  // namespace adit::control
