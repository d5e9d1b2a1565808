package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pages are the texts for people, by their path from the top of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d pages: %v", len(files), err)
	}
	all := map[string]string{}
	for _, f := range append(files, "../../README.md", "../../BENCHMARKS.md") {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(f, "../../")] = string(text)
	}
	return all
}

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noSlug   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors of a page, as the places that show Markdown make them of headings.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, h := range headings.FindAllStringSubmatch(text, -1) {
		all[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return all
}

// deadLinks of a page are those to files of the repository, or places in them, that are not there.
func deadLinks(page string, all map[string]string) (dead []string) {
	for _, m := range links.FindAllStringSubmatch(all[page], -1) {
		file, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(m[1], "://") {
			continue
		}
		target := page
		if file != "" {
			target = filepath.Join(filepath.Dir(page), file)
		}
		text, known := all[target]
		if _, err := os.Stat(filepath.Join("../..", target)); err != nil && !known || anchor != "" && !anchors(text)[anchor] {
			dead = append(dead, m[1])
		}
	}
	return dead
}

func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	all := pages(t)
	for page := range all {
		for _, link := range deadLinks(page, all) {
			t.Errorf("%s: %s leads nowhere", page, link)
		}
	}
	got := deadLinks("docs/x.md", map[string]string{"docs/x.md": "# Here I am\n[a](nosuch.md) [b](#here-i-am) [c](#nowhere) [d](../README.md) [e](https://x/nosuch)"})
	if strings.Join(got, " ") != "nosuch.md #nowhere" {
		t.Errorf("the rule finds %v, want nosuch.md and #nowhere", got)
	}
}

func TestEveryPageIsReachedFromTheReadme(t *testing.T) {
	all := pages(t)
	reached, todo := map[string]bool{}, []string{"README.md"}
	for len(todo) > 0 {
		page := todo[0]
		todo = todo[1:]
		if reached[page] {
			continue
		}
		reached[page] = true
		for _, m := range links.FindAllStringSubmatch(all[page], -1) {
			file, _, _ := strings.Cut(m[1], "#")
			if target := filepath.Join(filepath.Dir(page), file); all[target] != "" {
				todo = append(todo, target)
			}
		}
	}
	for page := range all {
		if !reached[page] {
			t.Errorf("no way of links leads from the README to %s", page)
		}
	}
}

// ofOthers are flags of other programs that the pages name.
var ofOthers = map[string]bool{
	"--flag": true, "--no-flag": true, // examples
	"--data-binary": true, // curl
	"--make-shared": true, // mount
	"--kills":       true, // tools/torture
	"--live":        true,
	"--nodes":       true, // bench/peers
	"--systems":     true,
}

var flagInText = regexp.MustCompile("(?:^|[ `(])(--[a-z][a-z0-9_-]+)")

// TestFlagsThatPagesNameExist looks at the pages that are about Caprock alone; those that
// compare with Mesos name Mesos' flags too.
func TestFlagsThatPagesNameExist(t *testing.T) {
	known := map[string]bool{}
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(root())
	all := pages(t)
	for _, page := range []string{"README.md", "docs/architecture.md", "docs/operating.md", "docs/bench.md", "docs/api.md"} {
		named := flagInText.FindAllStringSubmatch(all[page], -1)
		for _, m := range named {
			if !known[m[1]] && !ofOthers[m[1]] {
				t.Errorf("%s: %s is no flag of caprock", page, m[1])
			}
		}
		if page == "docs/operating.md" && len(named) < 20 {
			t.Errorf("%s: found %d flags; the rule would pass on nothing", page, len(named))
		}
	}
}
