package world

import "fmt"

// Between is nil if the flag's value is from low to high.
func Between(flag string, got, low, high int) error {
	if got < low || got > high {
		return fmt.Errorf("got --%s=%d, want %d to %d", flag, got, low, high)
	}
	return nil
}
