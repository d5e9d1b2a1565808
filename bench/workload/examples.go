package workload

import (
	"embed"
	"fmt"
	"strings"

	"github.com/caprock/caprock/bench/world"
)

//go:embed examples/*.toml
var examples embed.FS

// ExampleNames are the workloads that come with the program.
func ExampleNames() (names []string) {
	files, err := examples.ReadDir("examples")
	if err != nil {
		panic("BUG: the examples are not in the program: " + err.Error())
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".toml"))
	}
	return names
}

// ExampleText is the file of an example.
func ExampleText(name string) ([]byte, error) {
	data, err := examples.ReadFile("examples/" + name + ".toml")
	if err != nil {
		return nil, fmt.Errorf("got workload %q, want a file (with a . or / in its name) or one of %s", name, strings.Join(ExampleNames(), ", "))
	}
	return data, nil
}

// Example is a workload that comes with the program.
func Example(name string) (*Workload, error) {
	data, err := ExampleText(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// ShapeNamed is a named shape, or that of the fleet of a workload, a file (with a . or / in
// its name).
func ShapeNamed(name string) (*world.Shape, error) {
	if !strings.ContainsAny(name, "./") {
		return world.ShapeNamed(name)
	}
	w, err := Load(name)
	if err != nil {
		return nil, err
	}
	s, _, err := w.Shape()
	return s, err
}
