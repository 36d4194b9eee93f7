@0xd2c6a9e4b1f07a35;
# Batches at rest and between processes. Field numbers are never reused.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("libstream::wire");

struct Field {
  name @0 :Data;
  type @1 :UInt8;        # TypeId
  precision @2 :UInt8;
  scale @3 :UInt8;
  nullable @4 :Bool;
  fields @5 :List(Field);  # of a structure; of an array its element
}

struct Column {
  # Fixed-width values as they lie in memory; of strings and arrays rows + 1 UInt32 offsets.
  values @0 :Data;
  validity @1 :Data;     # one bit a row, absent = no nulls
  heap @2 :Data;         # bytes of strings
  children @3 :List(Column);
  elements @4 :UInt32;   # of an array: rows of its child
}

struct Batch {
  rows @0 :UInt32;
  kind @1 :UInt8;
  hasEventTime @2 :Bool;
  minEventTime @3 :Int64;
  maxEventTime @4 :Int64;
  columns @5 :List(Column);
}

struct Batches {
  schema @0 :List(Field);
  batches @1 :List(Batch);
}
