@0xb3f0c55a9c1e7d42;
# A recording: what the sources of a query read, epoch by epoch, as it was decided. This file is the
# format's document; numbers of fields are never reused. docs/recordings.md says why it is so.
#
# <recording>/<source>/000000.segment, 000001.segment, ...: a folder a source, its segments dense
# from 0. A segment is a row of frames, and is only ever appended to:
#
#   frame = header of 32 bytes | body: one of the messages below | chunks
#   header = magic "LSRC" | u16 version 1 | u16 kind (1 segment, 2 epoch) | u32 bytes of the body
#            | u32 CRC32C of the body | u64 bytes of the chunks | u32 0 | u32 CRC32C of the 28 before
#   chunk  = one block of LZ4: the bytes of encode_batches (wire.capnp)
#
# The first frame is of kind segment, all others of kind epoch. Everything is little-endian. Nothing
# in a recording names a machine or a path.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("libstream::recorded");

struct Segment {
  number @0 :UInt32;
  source @1 :Text;          # "departures": the folder's name when it was recorded
  kind @2 :Text;            # "FileSource json"
  queryId @3 :Text;
  splits @4 :UInt32;        # of the source; see Source::splits
  schema @5 :Data;          # encode_batches without batches
  # How much of the segment before counts: what is behind that was never decided, or is in this one.
  previousBytes @6 :UInt64;
}

struct Chunk {
  bytes @0 :UInt32;
  rawBytes @1 :UInt32;      # when decompressed
  crc @2 :UInt32;           # CRC32C of the compressed bytes
  rows @3 :UInt32;
  split @4 :Int64;          # -1: of any
}

struct Epoch {
  epoch @0 :UInt64;
  timestampMs @1 :Int64;    # since 1970; the epoch's own time
  seed @2 :UInt64;
  trigger @3 :UInt8;        # Trigger::Kind
  triggerMs @4 :Int64;      # its interval
  noData @5 :Bool;          # no source had anything to read
  idle @6 :Bool;            # this one had nothing
  start @7 :Text;           # the range read, as the source names positions
  end @8 :Text;
  watermarkMs @9 :Int64;    # used in this epoch
  nextWatermarkMs @10 :Int64;
  chunks @11 :List(Chunk);  # in the order in which they lie behind the body
}

# What one partition staged, kept in the decision until it is appended.
struct Staged {
  chunks @0 :List(Chunk);
  rows @1 :Data;            # the chunks themselves where they are small,
  file @2 :Text;            # else the file in _staging that has them
}
