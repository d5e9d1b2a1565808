package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/spf13/cobra"
)

// options of the replay command.
type options struct {
	allocator, agent string
	areas            []string
	dev              bool
	binary           string
	verbose, groups  bool
	noContext        bool
	clusterLog       string
	floor            string
	writeFloor       bool
	temporary        string // folder of a binary that was built here
}

// Command is `conform replay`. archive holds the transcripts that are packed
// with the program.
func Command(archive []byte) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "replay [DIR]",
		Short: "Play recorded conversations with a Mesos and compare the answers",
		Long: `Play recorded conversations with a Mesos master and agent, and compare the answers.

DIR holds *.jsonl transcripts; without it those packed with this program are played.
What the transcripts in DIR need and don't hold (the launch of the task that they
read) is taken from the packed ones and not counted.

With --allocator and --agent everything is played against that cluster, which should
be fresh, have one agent with cpus:4;mem:4096;disk:8192;ports:[31000-32000] and the attributes
rack:r1;zone:z1;num:5;rng:[1-10], and run the allocator with --allocation-interval=200ms. What
its answers tell of worlds that were played before is left out of the comparison.
With --dev a cluster is started for each life of a recorded master instead.

The last line is "N same, M different"; differences that are meant (docs/compatibility.md) are
counted above it. Differences are no failure of the command, unless --floor makes them one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), archive, args, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.allocator, "allocator", "", "`URL` of the allocator")
	f.StringVar(&o.agent, "agent", "", "`URL` of its agent")
	f.StringSliceVar(&o.areas, "area", nil, "count only areas that match one of these `patterns`, such as scheduler*")
	f.BoolVar(&o.dev, "dev", false, "start clusters of its own")
	f.StringVar(&o.binary, "binary", "", "the caprock `program` for --dev (default: build it)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print every difference")
	f.BoolVar(&o.groups, "groups", false, "print the differences grouped by cause")
	f.BoolVar(&o.noContext, "no-context", false, "play nothing but what DIR holds")
	f.StringVar(&o.floor, "floor", "", "fail if fewer exchanges of an area are the same than this `file` says")
	f.BoolVar(&o.writeFloor, "write-floor", false, "write --floor instead of checking it")
	f.StringVar(&o.clusterLog, "cluster-log", "", "append what the processes of --dev print to this `file`")
	return cmd
}

func (o *options) run(ctx context.Context, archive []byte, args []string, out io.Writer) error {
	if o.dev == (o.allocator != "") {
		return errors.New("want either --dev or --allocator and --agent")
	}
	exchanges, err := o.load(archive, args)
	if err != nil {
		return err
	}
	defer func() {
		if o.temporary != "" {
			os.RemoveAll(o.temporary)
		}
	}()
	report := newReport()
	log := func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(out, "  "+format+"\n", args...)
		}
	}
	play := o.urlWorlds
	if o.dev {
		play = o.devWorlds
	}
	if err := play(ctx, Worlds(exchanges), report, log); err != nil {
		return err
	}
	if o.verbose {
		report.Details(out)
	}
	if o.groups {
		report.Groups(out)
	}
	report.Table(out)
	same, different := report.Totals()
	fmt.Fprintf(out, "%d same, %d different\n", same, different)
	switch {
	case o.floor == "":
		return nil
	case o.writeFloor:
		return report.WriteFloor(o.floor)
	}
	return report.CheckFloor(o.floor)
}

// load reads what to play and marks what counts.
func (o *options) load(archive []byte, args []string) ([]*Exchange, error) {
	packed, err := LoadArchive(archive)
	if err != nil {
		return nil, fmt.Errorf("reading the packed transcripts: %w", err)
	}
	exchanges := packed
	if len(args) == 1 {
		if exchanges, err = LoadDir(args[0]); err != nil {
			return nil, err
		}
		if !o.noContext {
			exchanges = Merge(exchanges, packed)
		}
	}
	for _, e := range exchanges {
		e.Counted = e.Counted && o.wanted(e.Area)
	}
	return exchanges, nil
}

func (o *options) wanted(area string) bool {
	for _, pattern := range o.areas {
		if ok, _ := path.Match(pattern, area); ok {
			return true
		}
	}
	return len(o.areas) == 0
}

// urlWorlds plays one world after the other against one cluster.
func (o *options) urlWorlds(ctx context.Context, worlds []*World, report *Report, log func(string, ...any)) error {
	var target Target
	var err error
	if target.Allocator, err = hostPort(o.allocator); err != nil {
		return fmt.Errorf("--allocator: %w", err)
	}
	if target.Agent, err = hostPort(o.agent); err != nil {
		return fmt.Errorf("--agent: %w", err)
	}
	ids := newIds()
	for _, w := range leastTracesFirst(worlds) {
		if w.Counted() == 0 {
			continue
		}
		if reason := needsControl(w); reason != "" {
			report.notRun[reason] += w.Counted()
			continue
		}
		report.notRun[wantsControl] += w.leaveOut()
		started := time.Now()
		results, err := Play(ctx, w, target, ids, log)
		report.add(results)
		log("world %s: %d exchanges in %v", w.Name, len(w.Exchanges), time.Since(started).Round(time.Second))
		if err != nil {
			return fmt.Errorf("world %s: %w", w.Name, err)
		}
	}
	return nil
}
