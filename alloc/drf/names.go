package drf

// The dimensions every Names starts with, in this order.
const (
	DimCPUs = iota
	DimMem
	DimDisk
	DimGPUs
	firstCustomDim
)

// Names maps names of scalar resources to dimensions of quantity vectors. A
// name keeps its dimension for ever; custom scalars get one when first seen.
type Names struct {
	index map[string]int
	names []string
}

// NewNames returns the names every cluster has.
func NewNames() *Names {
	n := &Names{index: make(map[string]int)}
	for _, name := range [firstCustomDim]string{"cpus", "mem", "disk", "gpus"} {
		n.Intern(name)
	}
	return n
}

// Intern returns the dimension of name, a new one if it has none yet.
func (n *Names) Intern(name string) int {
	if d, ok := n.index[name]; ok {
		return d
	}
	d := len(n.names)
	n.index[name] = d
	n.names = append(n.names, name)
	return d
}

// Dim returns the dimension of name if it has one.
func (n *Names) Dim(name string) (int, bool) {
	d, ok := n.index[name]
	return d, ok
}

// Name returns the name of dimension d.
func (n *Names) Name(d int) string { return n.names[d] }

// Len is the number of dimensions in use.
func (n *Names) Len() int { return len(n.names) }

// Stride is the length that vectors must have: Len rounded up to a multiple of
// four, so that a new name seldom changes the layout of tables.
func (n *Names) Stride() int { return (len(n.names) + 3) &^ 3 }
