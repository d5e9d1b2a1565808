// Package replay is "caprock bench replay": it plays recorded histories of an
// allocator against this one and says where they differ. The format and the
// player are in alloc/cycle/history.
package replay
