package runner

import (
	"errors"
	"fmt"
	"sync"
)

// NetClasses says which classes of network traffic containers are given, for tc to tell
// them apart: 16 bits of the agent's own and 16 for each container. The zero value gives none.
type NetClasses struct {
	// Primary is the upper half of every class (cgroups_net_cls_primary_handle).
	Primary uint16
	// Lowest and Highest bound the lower half (cgroups_net_cls_secondary_handles);
	// 0 stands for 1 and 0xffff.
	Lowest, Highest uint16
}

// Validate reports a range that is none.
func (n *NetClasses) Validate() error {
	switch {
	case n.Primary == 0 && (n.Lowest != 0 || n.Highest != 0):
		return errors.New("cgroups_net_cls_secondary_handles: got a range without cgroups_net_cls_primary_handle")
	case n.lowest() > n.highest():
		return fmt.Errorf("cgroups_net_cls_secondary_handles: got %#x to %#x, want the lower one first", n.Lowest, n.Highest)
	}
	return nil
}

func (n *NetClasses) lowest() uint32 { return max(uint32(n.Lowest), 1) }

func (n *NetClasses) highest() uint32 {
	if n.Highest == 0 {
		return 0xffff
	}
	return uint32(n.Highest)
}

// netClasses hands out classes, the lowest free one first.
type netClasses struct {
	rules NetClasses

	mu   sync.Mutex
	of   map[string]uint32 // guarded by mu; by container
	used map[uint32]bool   // guarded by mu
}

func newNetClasses(rules NetClasses) *netClasses {
	return &netClasses{rules: rules, of: map[string]uint32{}, used: map[uint32]bool{}}
}

// take gives a container a class, the same one again if it has one; 0 if there are none
// to be given.
func (n *netClasses) take(id string) (uint32, error) {
	if n.rules.Primary == 0 {
		return 0, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if class := n.of[id]; class != 0 {
		return class, nil
	}
	for low := n.rules.lowest(); low <= n.rules.highest(); low++ {
		class := uint32(n.rules.Primary)<<16 | low
		if !n.used[class] {
			n.of[id], n.used[class] = class, true
			return class, nil
		}
	}
	return 0, fmt.Errorf("net_cls: all classes from %#x:%#x to %#x are given to other containers", n.rules.Primary, n.rules.lowest(), n.rules.highest())
}

// found notes what a container had before the agent started; it keeps that even if the
// rules are others by now.
func (n *netClasses) found(id string, class uint32) {
	if class == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[id], n.used[class] = class, true
}

func (n *netClasses) get(id string) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.of[id]
}

func (n *netClasses) drop(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.used, n.of[id])
	delete(n.of, id)
}
