package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/bench/world"
)

// Output is the form that a user asked for.
type Output struct {
	asJSON bool
	file   string
	flags  *pflag.FlagSet
}

// Flags adds --json and --html.
func (o *Output) Flags(f *pflag.FlagSet) {
	o.flags = f
	f.BoolVar(&o.asJSON, "json", false, "print JSON, with every run")
	f.Var((*htmlFile)(&o.file), "html", "write a page with plots to this `file` as well")
}

// htmlFile is the file of the page. It is checked at once: a run takes minutes, and is lost if
// only then the page cannot be written.
type htmlFile string

func (h *htmlFile) String() string { return string(*h) }

// Type implements pflag.Value.
func (*htmlFile) Type() string { return "file" }

// Set implements pflag.Value.
func (h *htmlFile) Set(name string) error {
	if dir, err := os.Stat(filepath.Dir(name)); err != nil || !dir.IsDir() {
		return fmt.Errorf("got %q, want a file in a directory that is there", name)
	}
	if file, err := os.Stat(name); err == nil && file.IsDir() {
		return fmt.Errorf("got the directory %q, want a file", name)
	}
	*h = htmlFile(name)
	return nil
}

// own flags say where to write and on what machine, not what to measure.
var own = []string{"json", "html", "dir", "cpuprofile", "allocator", "caprock", "config"}

// given are the flags that were given, as they would be typed.
func (o *Output) given() string {
	var b strings.Builder
	o.flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(own, f.Name) {
			return
		}
		value := f.Value.String()
		if f.Value.Type() == "bool" && value == "true" {
			fmt.Fprintf(&b, " --%s", f.Name)
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		if strings.ContainsAny(value, " \t\n\"'$&;|<>()") {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&b, " --%s=%s", f.Name, value)
	})
	return b.String()
}

// Print prints the report, and writes the page if that was asked for. The report's command
// gets the flags that were given.
func (o *Output) Print(w io.Writer, r *world.Report, t Table, plots []Plot) error {
	return o.PrintAs(w, r, r, t, plots)
}

// PrintAs is Print where --json has a form of its own, that of v.
func (o *Output) PrintAs(w io.Writer, v any, r *world.Report, t Table, plots []Plot) error {
	r.Command += o.given()
	var err error
	if o.asJSON {
		err = json.NewEncoder(w).Encode(v)
	} else {
		err = r.Print(w, t.Columns, t.Rows)
	}
	if err != nil || o.file == "" {
		return err
	}
	return WriteFile(o.file, r, t, plots)
}

// WriteFile writes the page to a file.
func WriteFile(file string, r *world.Report, t Table, plots []Plot) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return errors.Join(Write(f, r, t, plots), f.Close())
}
