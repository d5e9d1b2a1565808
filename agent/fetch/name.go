package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Bounds of a name in the sandbox, whoever chose it. Deep trees cost the square of
// their depth to make, and long names end in every error.
const (
	maxNameBytes = 4096
	maxDepth     = 128
)

var errNoName = errors.New("it names the sandbox itself")

// checkName refuses names that lead out of the sandbox or that no program would give.
func checkName(name string) error {
	switch {
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("name holds a zero byte")
	case len(name) > maxNameBytes:
		return fmt.Errorf("name has %d bytes, want at most %d", len(name), maxNameBytes)
	case strings.Count(name, "/") > maxDepth:
		return fmt.Errorf("name has %d levels, want at most %d", strings.Count(name, "/"), maxDepth)
	case !filepath.IsLocal(name):
		return errors.New("name leads out of the sandbox")
	}
	return nil
}

// maxShownBytes bounds what is told of a name: errors become messages of tasks.
const maxShownBytes = 200

// shown is a name as errors tell it: quoted, and cut.
func shown(name string) string {
	if len(name) > maxShownBytes {
		return fmt.Sprintf("%q… (%d bytes)", name[:maxShownBytes], len(name))
	}
	return strconv.Quote(name)
}

// bare takes the path out of an error of the operating system: it is the hostile name
// again, unquoted and in full.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}
