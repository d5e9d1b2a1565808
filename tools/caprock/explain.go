package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/wire/httpc"
)

func explainCommand() *cobra.Command {
	var allocator, framework, agent, role, output string
	cmd := &cobra.Command{
		Use:   "explain --framework ID [--agent ID]",
		Short: "Say why a framework is not offered resources",
		Long: `Say why a framework is not offered resources: the rule that stands between it and an agent
or, without --agent, how many agents each rule keeps from it. Also shown are quotas, what
the framework refused last, and how long it has been without an offer that it used.

The beginning of an id is enough, and so are a framework's name and an agent's host name,
if no other has the same.`,
		Example: `  caprock explain --framework my-scheduler
  caprock explain --framework my-scheduler --agent node-17`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if framework == "" {
				return errors.New("got no --framework, want the id or the name of one")
			}
			accept := map[string]string{"text": "text/plain", "json": "application/json"}[output]
			if accept == "" {
				return fmt.Errorf("--output: got %q, want text or json", output)
			}
			q := url.Values{"framework_id": {framework}}
			for name, value := range map[string]string{"agent_id": agent, "role": role} {
				if value != "" {
					q.Set(name, value)
				}
			}
			client := httpc.New(httpc.Options{})
			defer client.Close()
			status, _, body, err := client.Get(cmd.Context(), allocator+"/explain?"+q.Encode(),
				httpc.Field{Name: "Accept", Value: accept})
			if err != nil {
				return unanswered(allocator, err)
			}
			if status != 200 {
				return fmt.Errorf("%s answers %d: %s", allocator, status, bytes.TrimSpace(body))
			}
			if output == "json" {
				var b bytes.Buffer
				if err := json.Indent(&b, body, "", "  "); err != nil {
					return fmt.Errorf("%s answers no JSON: %w", allocator, err)
				}
				b.WriteByte('\n')
				body = b.Bytes()
			}
			_, err = cmd.OutOrStdout().Write(body)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&allocator, "allocator", "http://127.0.0.1:5050", "`URL` of the allocator, or its host:port")
	f.StringVar(&framework, "framework", "", "`ID` or name of the framework (required)")
	f.StringVar(&agent, "agent", "", "`ID` or host name of an agent")
	f.StringVar(&role, "role", "", "only this role of the framework")
	f.StringVarP(&output, "output", "o", "text", "`form` of the answer: text or json")
	return cmd
}
