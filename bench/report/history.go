package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// newest returns the latest run of a scenario in dir and its date; "" if there
// is none.
func newest(dir, scenario string) (file, date string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, scenario+"-*.json"))
	if err != nil {
		return "", "", err
	}
	if len(files) == 0 {
		return "", "", nil
	}
	sort.Strings(files) // dates are ISO: the last is the newest
	file = files[len(files)-1]
	return file, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), scenario+"-"), ".json"), nil
}

// load decodes a run.
func load(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s is no run of this scenario: %w", file, err)
	}
	return nil
}
