package core

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the scenarios do into their files")

// TestScenarios runs testdata/*.txt. A file is a list of blocks, divided by blank
// lines: commands, a line "----", and what they lead to. See world_test.go for
// the commands. With -rewrite the outcomes are written anew: read the difference.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScenario(t, file) })
	}
}

func runScenario(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	var rewritten []string
	for _, block := range strings.Split(strings.Trim(string(text), "\n"), "\n\n") {
		commands, want, isBlock := strings.Cut(block, "\n----")
		if !isBlock {
			rewritten = append(rewritten, block) // a comment
			continue
		}
		got := w.run(commands)
		rewritten = append(rewritten, strings.TrimRight(commands+"\n----\n"+got, "\n"))
		if want = strings.Trim(want, "\n"); want != strings.TrimRight(got, "\n") && !*rewrite {
			t.Errorf("%s: after\n%s\ngot:\n%s\nwant:\n%s", file, commands, got, want)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(rewritten, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run executes commands, one per line, and prints what they lead to.
func (w *world) run(commands string) string {
	var b strings.Builder
	for _, line := range strings.Split(commands, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out, err := w.execute(line)
		if err != nil {
			fmt.Fprintf(&b, "error: %v\n", err)
			w.t.Errorf("%s: %v", line, err)
			continue
		}
		b.WriteString(out)
	}
	return b.String()
}
