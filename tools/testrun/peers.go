package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// peersModule is a module of its own: the comparison with other schedulers.
const peersModule = "bench/peers"

// peers tests the comparison with other schedulers where their sources can be had. Caprock's own
// requirements may have moved on since its go.mod was written, so that may be updated.
func peers(t *tally) error {
	list := exec.Command("go", "list", "-mod=mod", "-deps", "-test", "./...")
	list.Dir = peersModule
	if out, err := list.CombinedOutput(); err != nil {
		// What cannot be fetched is named with its address.
		if text := string(out); strings.Contains(text, "https://") || strings.Contains(text, "GOPROXY=off") {
			t.skips = append(t.skips, fmt.Sprintf("%s: its modules cannot be had here: %s", peersModule, lastLine(text)))
			return nil
		}
		return fmt.Errorf("go list in %s: %w\n%s", peersModule, err, out)
	}
	if err := command("go", "vet", "-C", peersModule, "-mod=mod", "./...")(t); err != nil {
		return err
	}
	return goTestIn(t, peersModule, "-mod=mod", "-timeout=10m", "./...")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
