// Command sealpost is an encrypted mail server and the tools around it. It
// reads the settings, builds everything once and stops everything once.
//
// It never does what a room below can do: a command here is a few calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes: what was asked for was done, could not be done, or was not understood.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitHeld   = 3 // file sync: deletions were held back
)

type commands struct {
	Demo        demoCommand        `cmd:"" help:"Start a complete server on loopback, with two accounts, to try everything."`
	Serve       serveCommand       `cmd:"" help:"Start the server."`
	Quickstart  quickstartCommand  `cmd:"" help:"Set up a server for an address: configuration, keys, account, service, DNS records."`
	Doctor      doctorCommand      `cmd:"" help:"Say on one page whether mail flows both ways, and why not."`
	Reload      reloadCommand      `cmd:"" help:"Have the running server read its settings, keys and certificate again."`
	Drain       drainCommand       `cmd:"" help:"Have the running server send people elsewhere, close its doors and stop."`
	Check       checkCommand       `cmd:"" help:"Read the configuration and say what is wrong with it."`
	Config      configCommand      `cmd:"" help:"Print a documented configuration file with all defaults."`
	Account     accountGroup       `cmd:"" help:"Add, list, show, change and remove accounts."`
	Invite      inviteCommand      `cmd:"" help:"Make a link by which somebody opens an account, or gets a sign-in, in the webmail."`
	Password    passwordGroup      `cmd:"" help:"Add, list and revoke the app passwords that mail programs sign in with."`
	Message     messageGroup       `cmd:"" help:"Look at stored mail as it is: sealed."`
	Domain      domainGroup        `cmd:"" help:"Add, list and remove the mail domains of this server."`
	DKIM        dkimGroup          `cmd:"" name:"dkim" help:"List and rotate the keys that sign what leaves."`
	DNS         dnsGroup           `cmd:"" name:"dns" help:"Print the DNS records a domain needs, and compare them with what the world sees."`
	Queue       queueGroup         `cmd:"" help:"List, show, retry, hold and drop mail that waits to leave."`
	Link        linkGroup          `cmd:"" help:"End a link to a file, or an upload request, by its id."`
	Peer        peerGroup          `cmd:"" help:"Whose keys an account has: list, accept a change, pin and forget."`
	Report      reportGroup        `cmd:"" help:"Show what other servers report about mail in the name of your domains."`
	Mark        markCommand        `cmd:"" help:"Print the mark that stands for an address in the log."`
	Open        openCommand        `cmd:"" help:"Open a sealed mail with its owner's key (the client side)."`
	File        fileGroup          `cmd:"" help:"Your encrypted drive: bring files in, fetch them, and make links (the client side)."`
	Prove       proveCommand       `cmd:"" help:"Send canary mails through every way in and look for them in every file."`
	Import      importCommand      `cmd:"" help:"Bring mail in from mbox, Maildir or another IMAP server, sealed on the way."`
	Export      exportCommand      `cmd:"" help:"Take an account's mail out, sealed, or opened by its owner."`
	Backup      backupCommand      `cmd:"" help:"Copy the store, sealed as it is, while the server runs; later copies add what is new."`
	Verify      verifyCommand      `cmd:"" help:"Read every stored letter, of the live store or of a backup, and say what is wrong."`
	Cluster     clusterGroup       `cmd:"" help:"What to do with the database that many nodes share."`
	Restore     restoreCommand     `cmd:"" help:"Put a backup into an empty data folder."`
	Migrate     migrateCommand     `cmd:"" help:"Move accounts between one machine and a cluster."`
	WebManifest webManifestCommand `cmd:"" help:"Print what the webmail consists of: the hash of every file."`
	VerifyWeb   verifyWebCommand   `cmd:"" help:"Compare the webmail that a live host serves with its build, byte for byte."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// settingsFile is the flag of every command that needs the server's settings.
type settingsFile struct {
	Config string `help:"Configuration file of the server (default: ${default})." placeholder:"FILE" default:"/etc/sealpost/sealpost.toml" type:"path"`
}

// A console is where a command reads and writes.
type console struct {
	In       io.Reader
	Out, Err io.Writer
}

func main() {
	overwrite(os.Args)
	os.Exit(run(context.Background(), os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}))
}

// run does one command and returns the exit code.
func run(ctx context.Context, args []string, c console) (code int) {
	out := &output{Writer: c.Out}
	c.Out = out
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exit:
			code = int(v)
		default:
			panic(v)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parser, err := newParser(c)
	if err != nil {
		fmt.Fprintln(c.Err, "sealpost:", err)
		return exitFailed
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(c.Err, "sealpost:", err)
		fmt.Fprintf(c.Err, "Try %q.\n", helpFor(err))
		return exitUsage
	}
	chosen.BindTo(ctx, (*context.Context)(nil))
	err = chosen.Run(c)
	if err == nil {
		err = out.failed
	}
	if err != nil {
		fmt.Fprintln(c.Err, "sealpost:", strings.ReplaceAll(err.Error(), "\n", "\nsealpost: "))
		if own := (ended{}); errors.As(err, &own) {
			return own.code
		}
		return exitFailed
	}
	return exitDone
}

// output remembers that something could not be written, so that no command
// ends well when nobody could read what it said.
type output struct {
	io.Writer
	failed error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.failed == nil {
		o.failed = err
	}
	return n, err
}

// terminal says whether somebody watches what is written to w.
func terminal(w io.Writer) bool {
	if o, ok := w.(*output); ok {
		w = o.Writer
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// exit is how kong's --help leaves.
type exit int

func newParser(c console) (*kong.Kong, error) {
	return kong.New(new(commands),
		kong.Name("sealpost"),
		kong.Description("An encrypted mail server: every message is sealed to its owner's OpenPGP key before it is stored. "+
			"Start with \"sealpost demo\"."),
		kong.Writers(c.Out, c.Err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
	)
}

// helpFor is the help command nearest to what was not understood.
func helpFor(err error) string {
	var at *kong.ParseError
	if errors.As(err, &at) && at.Context != nil && at.Context.Selected() != nil {
		return at.Context.Selected().FullPath() + " --help"
	}
	return "sealpost --help"
}
