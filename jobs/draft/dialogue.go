package draft

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Dialogue asks the user what the draft cannot know. Each question has a proposal, which an
// empty answer takes.
type Dialogue struct {
	In  *bufio.Reader
	Out io.Writer // writes text for people
}

// errNoAnswer ends a dialogue whose user has gone.
var errNoAnswer = errors.New("the questions were not answered to the end, and no file is written")

// ask asks until an answer is one. The function take returns what is wrong with an answer,
// which the user is told.
func (d *Dialogue) ask(question, proposal string, take func(answer string) error) error {
	for {
		fmt.Fprint(d.Out, question)
		if proposal != "" {
			fmt.Fprintf(d.Out, " [%s]", terminal.Line(proposal, 50))
		}
		fmt.Fprint(d.Out, ": ")
		line, err := d.In.ReadString('\n')
		if err != nil && strings.TrimSpace(line) == "" {
			fmt.Fprintln(d.Out)
			if errors.Is(err, io.EOF) {
				err = errNoAnswer
			}
			return spec.Errorf("--yes takes the proposals without asking", "%w", err)
		}
		answer := strings.TrimSpace(line)
		if answer == "" {
			answer = proposal
		}
		wrong := take(answer)
		if wrong == nil {
			return nil
		}
		// What to do on the command line is no help here.
		if e, ok := errors.AsType[*spec.Error](wrong); ok && strings.Contains(e.Hint, "--") {
			wrong = e.Err
		}
		fmt.Fprint(d.Out, terminal.Paragraph("  "+message.OneLine(wrong.Error(), 400)+"\n"))
	}
}

// Encoding asks in which encoding the input is, if that is a guess. It returns the sample as the
// answer has it.
func (d *Dialogue) Encoding(s *Sample) (*Sample, error) {
	guess, reason := s.GuessedEncoding()
	if guess == "" {
		return s, nil
	}
	fmt.Fprint(d.Out, terminal.Paragraph(reason+".\n"))
	sample := s
	err := d.ask("Encoding of the input", guess, func(answer string) error {
		if answer == guess {
			return nil
		}
		reads := s.Reads
		reads.Encoding = answer
		again, err := Look(reads)
		if err != nil {
			return err
		}
		sample = again
		return nil
	})
	return sample, err
}

// Questions asks for what the user has not said yet, and returns the draft of the answers. It
// is [Propose] with questions.
func (d *Dialogue) Questions(s *Sample, w Wishes, prices *price.Table, now time.Time) (*Draft, error) {
	begin := w
	if w.Kind == Classify { // its labels may be what is to be asked for
		begin.Kind = ""
	}
	draft, err := Propose(s, begin, prices, now)
	if err != nil {
		return nil, err
	}
	propose := func(change func(*Wishes)) error {
		next := w
		change(&next)
		made, err := Propose(s, next, prices, now)
		if err == nil {
			draft, w = made, next
		}
		return err
	}
	if w.Kind == "" {
		err := d.ask("What is to be done with each row ("+message.List(Kinds)+")?", draft.Kind, func(answer string) error {
			kind := strings.ToLower(answer)
			for _, k := range Kinds {
				if kind != "" && strings.HasPrefix(k, kind) {
					kind = k
				}
			}
			if kind == Classify && len(draft.Labels) == 0 { // they are asked for below
				w.Kind = kind
				return nil
			}
			return propose(func(w *Wishes) { w.Kind = kind })
		})
		if err != nil {
			return nil, err
		}
	}
	if w.Kind == Classify && len(w.Labels) == 0 && w.Expected == "" {
		err := d.ask("Labels, with commas between them, or =COLUMN that has them", proposedLabels(draft), func(answer string) error {
			if column, ok := strings.CutPrefix(answer, "="); ok {
				return propose(func(w *Wishes) { w.Expected = strings.TrimSpace(column) })
			}
			return propose(func(w *Wishes) { w.Labels = commaSeparated(answer) })
		})
		if err != nil {
			return nil, err
		}
	}
	if len(w.Text) == 0 && draft.Kind != Raw {
		names := textNames(draft)
		err := d.ask("Which columns hold the text", strings.Join(names, ", "), func(answer string) error {
			if answer == strings.Join(names, ", ") {
				return nil
			}
			wanted := commaSeparated(answer)
			if draft.Sample.Field(answer) != nil || strings.Contains(answer, "{{") {
				wanted = []string{answer} // a name or template may have a comma
			}
			return propose(func(w *Wishes) { w.Text = wanted })
		})
		if err != nil {
			return nil, err
		}
	}
	if w.Model == "" {
		d.listModels(draft)
		err := d.ask("Model", draft.Model, func(answer string) error {
			if answer == "" || strings.ContainsAny(answer, " \t") {
				return errors.New("write the name of a model, such as gemini-3.5-flash-lite")
			}
			err := propose(func(w *Wishes) { w.Model = answer })
			for _, note := range draft.ModelNotes() {
				fmt.Fprint(d.Out, terminal.Paragraph("  mind: "+note+"\n"))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if w.Output == "" {
		err := d.ask("Output", draft.Output, func(answer string) error {
			return propose(func(w *Wishes) { w.Output = answer })
		})
		if err != nil {
			return nil, err
		}
	}
	return draft, nil
}

// proposedLabels returns what stands for the draft's labels as a proposal.
func proposedLabels(d *Draft) string {
	switch {
	case d.Expected != "":
		return "=" + d.Expected
	case len(d.Sample.labelColumns()) > 0:
		return "=" + d.Sample.labelColumns()[0].Name
	}
	return strings.Join(d.Labels, ", ")
}

// textNames returns the names of the columns that the text is made of, or else the templates.
func textNames(d *Draft) []string {
	names := slices.Clone(d.Text)
	for i, text := range names {
		for _, f := range d.Sample.Fields {
			if f.Template() == text {
				names[i] = f.Name
			}
		}
	}
	return names
}

// listModels shows some models with their prices.
func (d *Dialogue) listModels(draft *Draft) {
	const most = 6
	table := terminal.NewTable(d.Out)
	models := draft.models()
	for _, e := range models[:min(most, len(models))] {
		fmt.Fprintf(table, "  %s\t%s\n", e.ID, priceOf(&e))
	}
	fmt.Fprintf(table, "  (list prices of %s; genbatch prices has all)\n", draft.prices.Generated())
	table.Flush()
}

// commaSeparated returns the items of a list.
func commaSeparated(text string) (items []string) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
