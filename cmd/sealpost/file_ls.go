package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"sealpost/filestore/sealed"
)

type fileLsCommand struct {
	fileProfile
	Path  string `arg:"" optional:"" default:"/" help:"A folder, or a file (default: ${default})."`
	Long  bool   `short:"l" help:"Sizes, dates and how many versions there are, too."`
	Trash bool   `help:"What is in the trash of the folder."`
}

func (cmd fileLsCommand) Run(ctx context.Context, c console) error {
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	all, err := d.List(ctx, cmd.Path, cmd.Trash)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	for _, e := range all {
		name, size := e.Name, readable(e.Length)
		if e.Kind == sealed.IsFolder {
			name, size = name+"/", "-"
		}
		if !cmd.Long {
			fmt.Fprintln(t, name)
			continue
		}
		versions := ""
		if n := int64(len(e.Versions)); n > 0 {
			versions = counting(n+1, "version")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", size, time.UnixMilli(e.Modified).Format("2006-01-02 15:04"), name, versions)
	}
	return t.Flush()
}
