package core

// SetWhitelist says which hosts' agents are offered; agents elsewhere keep what
// they run. Hosts nil: all of them. It makes no record: the list is a setting of
// the process, which gives it anew at every start. It starts no cycle, as in Mesos.
type SetWhitelist struct{ Hosts []string }

func (*SetWhitelist) command() {}
