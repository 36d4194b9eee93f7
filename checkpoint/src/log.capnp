# Bodies of `meta` and of the entries of the log. Field numbers are never reused.
# Every file of a checkpoint is a frame around such a body: see frame.hpp.
@0xd1a7c0f2b85e93a6;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("libstream::format");

struct Meta {
  queryId @0 :Text;
  format @1 :UInt32;
  keyGroups @2 :UInt32;
  hashId @3 :Text;
  sources @4 :List(Text);
  operators @5 :List(Operator);

  struct Operator {
    id @0 :UInt32;
    name @1 :Text;
    signature @2 :Text;
    columns @3 :Text;   # of its state entries, for tools
  }
}

struct Entry {
  index @0 :UInt64;     # place in the log: an entry under another's name is found out
  queryId @1 :Text;     # an entry of another checkpoint is found out
  union {
    open @2 :Open;
    epoch @3 :Epoch;
    close @4 :Close;
  }
}

struct File {
  name @0 :Text;
  size @1 :UInt64;
  crc @2 :UInt32;
}

struct Open {
  host @0 :Text;
  process @1 :Int64;
  time @2 :Int64;       # ms since 1970
  nonce @3 :Text;       # tells two opens apart that are alike in all else
}

struct Close {
  term @0 :UInt64;
  committedThrough @1 :Int64;
}

struct Changes {
  operator @0 :UInt32;
  partition @1 :UInt32;
  bytes @2 :Data;
  file @3 :File;        # where set, `bytes` is empty
  extent @4 :Extent;    # of all entries, where it is known
}

struct Extent {
  firstGroup @0 :UInt32;
  lastGroup @1 :UInt32;
  floor @2 :Data;       # that the changes set in these groups; empty: none
  below @3 :Data;       # all keys are
}

struct Handle {
  bytes @0 :Data;
  rows @1 :UInt64;
  file @2 :File;        # where set, holds the bytes
}

struct Stage {
  sink @0 :Text;
  handles @1 :List(Handle);
}

struct RunFile {
  file @0 :File;
  operator @1 :UInt32;
  beginGroup @2 :UInt32;
  endGroup @3 :UInt32;  # not one of them
}

struct Run {
  files @0 :List(RunFile);
}

struct Snapshot {
  epoch @0 :UInt64;
  tables @1 :List(File);  # format 1
  runs @2 :List(Run);     # the oldest first
}

struct Total {
  name @0 :Text;
  value @1 :UInt64;
}

struct Epoch {
  term @0 :UInt64;
  epoch @1 :UInt64;
  timestamp @2 :Int64;
  seed @3 :UInt64;
  noData @4 :Bool;
  sourceEnds @5 :List(Text);
  changes @6 :List(Changes);
  sinks @7 :List(Stage);
  watermark @8 :Int64;
  nextWatermark @9 :Int64;
  watermarkValues @10 :List(Int64);
  hasEarliestTimeout @11 :Bool;
  earliestTimeout @12 :Int64;
  totals @13 :List(Total);
  committedThrough @14 :Int64;
  snapshot @15 :Snapshot;
  staticVersions @16 :List(Text);
  idleSince @17 :List(Int64);   # ms since 1970 by watermark operator; -1 = had rows to read
}
