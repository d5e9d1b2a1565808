package replay

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A floor is a file with the number of exchanges per area that are the same, or
// differ as they are meant to: less is a step back. It has a line per area, the
// area and the number, with a tab between them.

// slowMachine is how many exchanges of an area may differ because the machine
// was too slow for the pace of the recording.
const slowMachine = 1

// good is what an area has to show.
func (a *areaReport) good() int { return a.same + a.allowed }

// CheckFloor compares what was played with the floor in a file. Areas that were
// not played are not looked at.
func (r *Report) CheckFloor(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var faults []error
	for lines := bufio.NewScanner(strings.NewReader(string(data))); lines.Scan(); {
		area, text, _ := strings.Cut(lines.Text(), "\t")
		want, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s: got the line %q, want an area, a tab and a number", file, lines.Text())
		}
		if a := r.areas[area]; a != nil && a.good() < want-slowMachine {
			faults = append(faults, fmt.Errorf("%s: got %d exchanges that are as they should be, want %d", area, a.good(), want))
		}
	}
	return errors.Join(faults...)
}

// WriteFloor writes what was played as a floor.
func (r *Report) WriteFloor(file string) error {
	var b strings.Builder
	for _, name := range r.names() {
		fmt.Fprintf(&b, "%s\t%d\n", name, r.areas[name].good())
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
