package history_test

import (
	"slices"
	"strings"

	"github.com/caprock/caprock/wire/resource"
)

// refSorter is the DRF order, as slow and obvious as it gets: a tree of nodes,
// sorted anew whenever it is asked for.
type refSorter struct {
	root     *refNode
	clients  map[string]*refNode
	weights  map[string]float64
	totals   map[string]resource.Quantities // by agent
	excluded []string
}

type refNode struct {
	name, path string
	parent     *refNode
	kids       []*refNode
	leaf       bool
	active     bool
	count      int
	held       map[string]resource.Resources // by agent
	sum        resource.Quantities
	weight     float64 // 0: not looked up yet
}

func newRefSorter(excluded []string) *refSorter {
	return &refSorter{
		root: &refNode{held: map[string]resource.Resources{}}, clients: map[string]*refNode{},
		weights: map[string]float64{}, totals: map[string]resource.Quantities{}, excluded: excluded,
	}
}

func (s *refSorter) child(parent *refNode, name string, leaf bool) *refNode {
	n := &refNode{name: name, path: name, parent: parent, leaf: leaf, held: map[string]resource.Resources{}}
	if parent != s.root {
		n.path = parent.path + "/" + name
	}
	parent.kids = append(parent.kids, n)
	return n
}

func (s *refSorter) add(path string) {
	at := s.root
	tokens := strings.Split(path, "/")
	for {
		if len(tokens) == 0 {
			at = s.child(at, ".", true)
			break
		}
		if at.leaf {
			v := s.child(at, ".", true)
			v.active, v.count, v.sum = at.active, at.count, at.sum
			for agent, r := range at.held {
				v.held[agent] = r
			}
			at.leaf, at.active = false, false
			s.clients[at.path] = v
			break
		}
		i := slices.IndexFunc(at.kids, func(k *refNode) bool { return k.name == tokens[0] })
		if i < 0 {
			break
		}
		at, tokens = at.kids[i], tokens[1:]
	}
	for i, token := range tokens {
		at = s.child(at, token, i == len(tokens)-1)
	}
	s.clients[path] = at
}

func (s *refSorter) remove(path string) {
	at := s.clients[path]
	delete(s.clients, path)
	for at != s.root {
		up := at.parent
		switch {
		case len(at.kids) == 0:
			up.kids = slices.DeleteFunc(up.kids, func(k *refNode) bool { return k == at })
		case len(at.kids) == 1 && at.kids[0].name == ".":
			at.leaf, at.active = true, at.kids[0].active
			at.kids = nil
			s.clients[at.path] = at
		}
		at = up
	}
}

func (s *refSorter) setActive(path string, active bool) { s.clients[path].active = active }

func (s *refSorter) setWeight(path string, w float64) {
	s.weights[path] = w
	if n := s.clients[path]; n != nil {
		if n.name == "." {
			n = n.parent
		}
		n.weight = w
	}
}

// shares returns the scalars of rs that change the sum of a node on an agent:
// shared ones only if no copy is held there.
func (n *refNode) shares(agent string, rs resource.Resources) resource.Quantities {
	return rs.Filter(func(r resource.Resource) bool {
		return !r.IsShared() || !n.held[agent].ContainsEntry(oneCopy(r))
	}).CreateStrippedScalarQuantity()
}

func oneCopy(r resource.Resource) resource.Resource {
	return resource.ScalarOf(r.Kind, r.ScalarMilli())
}

func (s *refSorter) allocated(path, agent string, rs resource.Resources) {
	for n := s.clients[path]; n != nil; n = n.parent {
		q := n.shares(agent, rs)
		n.held[agent] = n.held[agent].Plus(rs)
		n.sum = n.sum.Plus(q)
		n.count++
	}
}

func (s *refSorter) unallocated(path, agent string, rs resource.Resources) {
	for n := s.clients[path]; n != nil; n = n.parent {
		n.held[agent] = n.held[agent].Minus(rs)
		n.sum = n.sum.Minus(n.shares(agent, rs))
	}
}

func (s *refSorter) update(path, agent string, from, to resource.Resources) {
	for n := s.clients[path]; n != nil; n = n.parent {
		n.held[agent] = n.held[agent].Minus(from).Plus(to)
		n.sum = n.sum.Minus(from.CreateStrippedScalarQuantity()).Plus(to.CreateStrippedScalarQuantity())
	}
}

func (s *refSorter) empty(path string) bool {
	for _, r := range s.clients[path].held {
		if !r.IsEmpty() {
			return false
		}
	}
	return true
}

func (s *refSorter) cluster() resource.Quantities {
	var sum resource.Quantities
	for _, q := range s.totals {
		sum = sum.Plus(q)
	}
	return sum
}

func (s *refSorter) weigh(n *refNode) float64 {
	if n.weight == 0 {
		if n.weight = s.weights[n.path]; n.weight == 0 {
			n.weight = 1
		}
	}
	return n.weight
}

func (s *refSorter) share(n *refNode, cluster resource.Quantities) float64 {
	share := 0.0
	for _, q := range cluster {
		if !slices.Contains(s.excluded, q.Name) {
			share = max(share, resource.FloatFromMilli(n.sum.Get(q.Name))/resource.FloatFromMilli(q.Milli))
		}
	}
	return share / s.weigh(n)
}

// sort returns the active clients in order.
func (s *refSorter) sort() []string {
	var out []string
	cluster := s.cluster()
	var list func(n *refNode)
	list = func(n *refNode) {
		kids := slices.DeleteFunc(slices.Clone(n.kids), func(k *refNode) bool { return k.leaf && !k.active })
		share := map[*refNode]float64{}
		for _, k := range kids {
			share[k] = s.share(k, cluster)
		}
		slices.SortFunc(kids, func(x, y *refNode) int {
			switch {
			case share[x] != share[y] && share[x] < share[y]:
				return -1
			case share[x] != share[y]:
				return 1
			case x.count != y.count:
				return x.count - y.count
			}
			return strings.Compare(x.path, y.path)
		})
		for _, k := range kids {
			switch {
			case !k.leaf:
				list(k)
			case k.name == ".":
				out = append(out, k.parent.path)
			default:
				out = append(out, k.path)
			}
		}
	}
	list(s.root)
	return out
}
