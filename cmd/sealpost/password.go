package main

import "time"

type passwordGroup struct {
	Add    passwordAddCommand    `cmd:"" help:"Make an app password and print it, this once."`
	List   passwordListCommand   `cmd:"" help:"List an account's app passwords."`
	Remove passwordRemoveCommand `cmd:"" help:"Revoke an app password."`
}

type passwordView struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
}

func (p passwordView) usedWords() string {
	if p.Used.IsZero() {
		return "never used"
	}
	return "used " + day(p.Used)
}

// namedPassword is a wish about one app password.
type namedPassword struct{ Address, Name string }
