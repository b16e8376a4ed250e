package rules

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
)

// Bounds of a set. The browser's model says the same before it asks.
const (
	maxRules      = 100
	maxConditions = 20
	maxActions    = 10
	maxName       = 100
	maxValue      = 256
	maxSubject    = 200
	maxText       = 4000
)

// Invalid says which rule is none, and why. It quotes nothing of it.
type Invalid struct {
	Rule int // its number, from 1; 0: the vacation, or all of them
	Why  string
}

func (i *Invalid) Error() string {
	if i.Rule == 0 {
		return i.Why
	}
	return fmt.Sprintf("rule %d: %s", i.Rule, i.Why)
}

// asks is what can be asked of each field.
var asks = map[string][]string{
	"from": {"contains", "is", "ends"}, "to": {"contains", "is", "ends"}, "subject": {"contains", "is", "ends"},
	"list": {"contains", "is", "ends"}, "size": {"over", "under"}, "attachment": {"is", "contains", "ends"}, "class": {"is"},
}

// check refuses what is no set, and brings what is one into its form.
func (r *Room) check(ctx context.Context, a account.Account, s *Set) error {
	if len(s.Rules) > maxRules {
		return &Invalid{0, fmt.Sprintf("expected at most %d rules", maxRules)}
	}
	if s.Rules == nil {
		s.Rules = []Rule{}
	}
	for i := range s.Rules {
		if why, err := r.checkRule(ctx, a, &s.Rules[i]); err != nil {
			return err
		} else if why != "" {
			return &Invalid{i + 1, why}
		}
	}
	v := &s.Vacation
	switch {
	case !short(v.Subject, maxSubject, ""), !short(v.Text, maxText, "\n\t"):
		return &Invalid{0, fmt.Sprintf("expected a vacation notice with a subject of at most %d characters and a text of at most %d", maxSubject, maxText)}
	case v.On && strings.TrimSpace(v.Text) == "":
		return &Invalid{0, "expected a text for the vacation notice"}
	case !v.From.IsZero() && !v.Until.IsZero() && !v.From.Before(v.Until):
		return &Invalid{0, "expected a vacation that ends after it begins"}
	}
	return nil
}

func (r *Room) checkRule(ctx context.Context, a account.Account, one *Rule) (why string, err error) {
	switch {
	case !short(one.Name, maxName, ""):
		return fmt.Sprintf("expected a name of at most %d characters", maxName), nil
	case len(one.Conditions) == 0 || len(one.Conditions) > maxConditions:
		return fmt.Sprintf("expected 1 to %d conditions", maxConditions), nil
	case len(one.Actions) == 0 || len(one.Actions) > maxActions:
		return fmt.Sprintf("expected 1 to %d actions", maxActions), nil
	}
	for _, c := range one.Conditions {
		if why := c.check(); why != "" {
			return why, nil
		}
	}
	for i := range one.Actions {
		act := &one.Actions[i]
		if act.Do == "discard" && len(one.Actions) > 1 {
			return "expected nothing beside discard", nil
		}
		if why := act.check(); why != "" {
			return why, nil
		}
		if act.Do != "forward" {
			continue
		}
		to, _ := mail.ParseAddress(act.Address)
		if own, err := r.own(ctx, a, to); err != nil {
			return "", err
		} else if own {
			return "expected somebody else's address to forward to", nil
		}
	}
	return "", nil
}

func (c Condition) check() string {
	switch {
	case asks[c.Field] == nil:
		return "expected from, to, subject, list, size, attachment or class"
	case !slices.Contains(asks[c.Field], c.Op):
		return "expected " + strings.Join(asks[c.Field], " or ") + " after " + c.Field
	case !short(c.Value, maxValue, ""):
		return fmt.Sprintf("expected a value of at most %d characters", maxValue)
	case c.Field == "size":
		if n, err := strconv.ParseInt(c.Value, 10, 64); err != nil || n < 1 {
			return "expected a size in bytes"
		}
	case strings.TrimSpace(mail.Fold(c.Value)) == "":
		return "expected something to compare with"
	}
	return ""
}

func (a *Action) check() (why string) {
	switch a.Do {
	case "move":
		name, err := mailstore.CleanName(a.Mailbox)
		if err != nil {
			return "expected the name of a mailbox"
		}
		*a = Action{Do: a.Do, Mailbox: name}
	case "flag":
		clean, err := mailstore.CleanFlags([]string{a.Flag})
		if err != nil || len(clean) != 1 || strings.HasPrefix(strings.ToLower(a.Flag), "$sealpost") ||
			clean[0][0] == '\\' && clean[0] != mailstore.Seen && clean[0] != mailstore.Flagged {
			return `expected \Seen, \Flagged or a label`
		}
		*a = Action{Do: a.Do, Flag: clean[0]}
	case "forward":
		to, err := mail.ParseAddress(a.Address)
		if err != nil || strings.HasPrefix(to.Domain, "[") {
			return "expected an address to forward to"
		}
		*a = Action{Do: a.Do, Address: to.String()}
	case "discard":
		*a = Action{Do: a.Do}
	default:
		return "expected move, flag, forward or discard"
	}
	return ""
}

// short says that a text is one, not too long, and holds no control characters but
// those in allowed.
func short(s string, most int, allowed string) bool {
	return len(s) <= 4*most && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most &&
		!strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && !strings.ContainsRune(allowed, c) })
}

// own says whether an address is the account's.
func (r *Room) own(ctx context.Context, a account.Account, of mail.Address) (bool, error) {
	if !r.Book.Local(of.Domain) {
		return false, nil
	}
	owns, err := r.Book.Owns(ctx, a, of)
	if err != nil {
		return false, fmt.Errorf("find owner of address: %w", err)
	}
	return owns, nil
}
