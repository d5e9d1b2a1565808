package page

import (
	"errors"
	"fmt"
	"io"
	"os"
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
	f.StringVar(&o.file, "html", "", "write a page with plots to this `file` as well")
}

// own flags say where to write and on what machine, not what to measure.
var own = []string{"json", "html", "dir", "cpuprofile", "allocator", "caprock"}

// given are the flags that were given, as they would be typed.
func (o *Output) given() string {
	var b strings.Builder
	o.flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(own, f.Name) {
			return
		}
		value := f.Value.String()
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
	r.Command += o.given()
	if err := r.Print(w, o.asJSON, t.Columns, t.Rows); err != nil || o.file == "" {
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
