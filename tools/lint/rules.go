package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"sort"
	"strings"
)

// Module is the import path all rules are relative to.
const Module = "github.com/caprock/caprock"

// mayImport lists, for each top-level folder, the folders it may import
// besides itself. An arrow that is missing here is a design error, not an omission:
// alloc and agent meet on the wire only.
var mayImport = map[string][]string{
	"wire":      {},
	"store":     {"wire"},
	"isolation": {"wire"},
	"alloc":     {"wire", "store"},
	"agent":     {"wire", "store", "isolation"},
	"bench":     {"wire", "store", "isolation", "alloc", "agent"},
	"tools":     {"wire", "store", "isolation", "alloc", "agent", "bench"},
}

// narrow arrows: the importing folder may use only these packages of the other.
var narrow = map[[2]string][]string{
	{"agent", "store"}: {"store/checkpoint"},
}

// pure packages decide and never do: no clock, no I/O, no goroutine, no
// global randomness. Recovery, simulation and replication rest on it.
var pure = []string{"alloc/core", "alloc/drf", "alloc/shard", "alloc/cycle", "agent/core", "wire/resource"}

// topLevel is every entry the root of the repository may have; names that
// start with a dot are free.
var topLevel = []string{
	"alloc", "agent", "bench", "wire", "store", "isolation", "tools",
	"go.mod", "go.sum", "BENCHMARKS.md", "README.md", "LICENSE", "docs",
}

// importFault says why the package at dir (slash path below the module) may
// not import target, or "".
func importFault(dir, target string) string {
	rel, ok := strings.CutPrefix(target, Module+"/")
	if !ok {
		return ""
	}
	from, _, _ := strings.Cut(dir, "/")
	to, _, _ := strings.Cut(rel, "/")
	if from == to {
		return ""
	}
	for _, allowed := range mayImport[from] {
		if allowed != to {
			continue
		}
		list, isNarrow := narrow[[2]string{from, to}]
		if !isNarrow {
			return ""
		}
		for _, pkg := range list {
			if rel == pkg || strings.HasPrefix(rel, pkg+"/") {
				return ""
			}
		}
	}
	return fmt.Sprintf("%s imports %s; %s may import %v", dir, rel, from, mayImport[from])
}

func isPure(dir string) bool {
	for _, p := range pure {
		if dir == p || strings.HasPrefix(dir, p+"/") {
			return true
		}
	}
	return false
}

// impureImports bring I/O into a package by themselves.
var impureImports = []string{"os", "net", "syscall", "io/fs", "crypto/rand", "log", "log/slog", "golang.org/x/sys"}

// harmless packages live below an impure one and only compute.
var harmless = []string{"net/netip", "net/url"}

// clockCalls read or wait for real time.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// purityFaults lists what in one file a pure package must not do.
func purityFaults(fset *token.FileSet, file *ast.File) []string {
	var faults []string
	names := map[string]string{} // local name → import path
	for _, spec := range file.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		for _, bad := range impureImports {
			if (p == bad || strings.HasPrefix(p, bad+"/")) && !contains(harmless, p) {
				faults = append(faults, fmt.Sprintf("%s: imports %s", fset.Position(spec.Pos()), p))
			}
		}
		local := path.Base(p)
		if p == "math/rand/v2" {
			local = "rand"
		}
		if spec.Name != nil {
			local = spec.Name.Name
		}
		names[local] = p
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, fmt.Sprintf("%s: starts a goroutine", fset.Position(n.Pos())))
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch p := names[pkg.Name]; {
			case p == "time" && contains(clockCalls, sel.Sel.Name):
				faults = append(faults, fmt.Sprintf("%s: reads the clock with time.%s", fset.Position(n.Pos()), sel.Sel.Name))
			case strings.HasPrefix(p, "math/rand") && !strings.HasPrefix(sel.Sel.Name, "New"):
				faults = append(faults, fmt.Sprintf("%s: uses global randomness, rand.%s", fset.Position(n.Pos()), sel.Sel.Name))
			}
		}
		return true
	})
	sort.Strings(faults)
	return faults
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
