package page

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/bench/world"
)

// Output is the form that a user asked for.
type Output struct {
	asJSON bool
	file   string
}

// Flags adds --json and --html.
func (o *Output) Flags(f *pflag.FlagSet) {
	f.BoolVar(&o.asJSON, "json", false, "print JSON, with every run")
	f.StringVar(&o.file, "html", "", "write a page with plots to this `file` as well")
}

// Print prints the report, and writes the page if that was asked for.
func (o *Output) Print(w io.Writer, r *world.Report, t Table, plots []Plot) error {
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
