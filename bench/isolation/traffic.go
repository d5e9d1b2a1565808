package isolation

import (
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
)

// trafficCommand sends packets over loopback: what runs inside a container to time
// the programs that count them.
func trafficCommand() *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use: "traffic", Hidden: true, Args: cobra.NoArgs, Short: "Send packets over loopback",
		RunE: func(*cobra.Command, []string) error { return sendPackets(length) },
	}
	cmd.Flags().DurationVar(&length, "for", time.Second, "how long")
	return cmd
}

func sendPackets(length time.Duration) error {
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := net.Dial("udp", in.LocalAddr().String())
	if err != nil {
		return err
	}
	defer out.Close()
	b := make([]byte, 64)
	for end := time.Now().Add(length); time.Now().Before(end); {
		for range 100 {
			if _, err := out.Write(b); err != nil {
				return fmt.Errorf("send: %w", err)
			}
			if _, _, err := in.ReadFrom(b); err != nil {
				return fmt.Errorf("receive: %w", err)
			}
		}
	}
	return nil
}
