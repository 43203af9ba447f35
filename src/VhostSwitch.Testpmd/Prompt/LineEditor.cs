using System.Text;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary>
/// Reads lines from a terminal: editing within the line, the lines before by the arrow keys, completion by the tabulator key. Where the input is no
/// terminal, lines are read as they come.
/// </summary>
/// <param name="prompt">What stands before a line.</param>
/// <param name="suggest">The words that may end a line.</param>
internal sealed class LineEditor(string prompt, Func<string, IReadOnlyList<string>> suggest)
{
    // Characters of the line that are shown, however narrow the terminal says it is.
    private const int LeastRoom = 10;

    private readonly List<string> _history = [];
    private readonly StringBuilder _line = new();
    private int _cursor;
    private int _place;

    /// <summary>Reads a line.</summary>
    /// <returns>The line; null at the end of the input.</returns>
    public string? Read()
    {
        Console.Write(prompt);
        if (Console.IsInputRedirected)
        {
            string? piped = Console.ReadLine();
            // What was typed is seen beside the answer, as on a terminal.
            Console.WriteLine(piped ?? "");
            return piped;
        }
        _line.Clear();
        _cursor = 0;
        _place = _history.Count;
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            if (key.Key == ConsoleKey.Enter) return Accept();
            if (key is { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control } && _line.Length == 0)
            {
                Console.WriteLine();
                return null;
            }
            if (key.Key == ConsoleKey.Tab) Complete();
            else Edit(key);
            Draw();
        }
    }

    private string Accept()
    {
        Console.WriteLine();
        string line = _line.ToString();
        if (line.Length > 0 && (_history.Count == 0 || _history[^1] != line)) _history.Add(line);
        return line;
    }

    private void Edit(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.Backspace when _cursor > 0:
                _line.Remove(--_cursor, 1);
                break;
            case ConsoleKey.Delete when _cursor < _line.Length:
                _line.Remove(_cursor, 1);
                break;
            case ConsoleKey.LeftArrow when _cursor > 0:
                _cursor--;
                break;
            case ConsoleKey.RightArrow when _cursor < _line.Length:
                _cursor++;
                break;
            case ConsoleKey.Home or ConsoleKey.A when key.Key == ConsoleKey.Home || key.Modifiers == ConsoleModifiers.Control:
                _cursor = 0;
                break;
            case ConsoleKey.End or ConsoleKey.E when key.Key == ConsoleKey.End || key.Modifiers == ConsoleModifiers.Control:
                _cursor = _line.Length;
                break;
            case ConsoleKey.U when key.Modifiers == ConsoleModifiers.Control:
                _line.Remove(0, _cursor);
                _cursor = 0;
                break;
            case ConsoleKey.UpArrow when _place > 0:
                Replace(_history[--_place]);
                break;
            case ConsoleKey.DownArrow when _place < _history.Count:
                Replace(++_place < _history.Count ? _history[_place] : "");
                break;
            default:
                if (!char.IsControl(key.KeyChar)) _line.Insert(_cursor++, key.KeyChar);
                break;
        }
    }

    private void Replace(string line)
    {
        _line.Clear().Append(line);
        _cursor = line.Length;
    }

    // As far as all choices agree; where there is nothing more to add, they are listed.
    private void Complete()
    {
        string before = _line.ToString(0, _cursor);
        string typed = before[(before.LastIndexOf(' ') + 1)..];
        var choices = suggest(before);
        if (choices.Count == 0) return;
        string common = choices.Aggregate((a, b) => a[..a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count()]);
        string more = common[typed.Length..] + (choices.Count == 1 ? " " : "");
        if (more.Length == 0)
        {
            Console.WriteLine();
            Console.WriteLine("  " + string.Join("  ", choices));
        }
        _line.Insert(_cursor, more);
        _cursor += more.Length;
    }

    // The line anew: a carriage return, the text, what was there behind it erased (ECMA-48, EL), and the cursor back to its place.
    // Of a line that is longer than the terminal is wide, the part up to the cursor is shown.
    private void Draw()
    {
        int room = Math.Max(LeastRoom, Console.WindowWidth - prompt.Length - 1);
        int from = Math.Max(0, _cursor - room);
        string shown = _line.ToString(from, Math.Min(room, _line.Length - from));
        int back = from + shown.Length - _cursor;
        Console.Write($"\r{prompt}{shown}\e[K{(back > 0 ? $"\e[{back}D" : "")}");
    }
}
