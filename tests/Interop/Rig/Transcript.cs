using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>
/// What somebody said, line by line and with times, for waiting on a line and for the text of a failure.
/// Written by the threads that read the streams, read by the test.
/// </summary>
internal sealed class Transcript(string title)
{
    /// <summary>A failure shows this many lines of each end: a program that repeats itself must not hide the others.</summary>
    private const int ShownLinesPerEnd = 250;

    private readonly Lock _lock = new();
    private readonly List<(TimeSpan At, char Kind, string Text)> _lines = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;

    /// <summary>The number of lines so far: a place to wait from.</summary>
    public int Length
    {
        get
        {
            lock (_lock)
                return _lines.Count;
        }
    }

    /// <summary>Adds a line. Kinds: '>' said to the program, ' ' its output, '!' its error output, '#' what the rig did.</summary>
    public void Add(char kind, string text)
    {
        lock (_lock)
        {
            _lines.Add((_clock.Elapsed, kind, text.TrimEnd('\r', '\n')));
            Pulse();
        }
    }

    /// <summary>No more lines will come: whoever waits for one gets a failure at once.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            Pulse();
        }
    }

    /// <summary>Waits for a line of output that matches, among those from number <paramref name="from"/> on.</summary>
    /// <exception cref="RigException">None came in time, or the stream ended without one.</exception>
    public async Task<(Match Match, int LineNumber)> WaitForLineAsync(Regex pattern, TimeSpan limit, int from = 0)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                for (; from < _lines.Count; from++)
                {
                    if (_lines[from].Kind is '>' or '#')
                        continue;
                    Match match = pattern.Match(_lines[from].Text);
                    if (match.Success)
                        return (match, from);
                }
                if (_ended)
                    throw new RigException($"{title} ended without a line like /{pattern}/", this);
                changed = _changed.Task;
            }
            TimeSpan left = limit - clock.Elapsed;
            if (left <= TimeSpan.Zero || await Task.WhenAny(changed, Task.Delay(left)) != changed)
                throw new RigException($"{title}: no line like /{pattern}/ within {limit.TotalSeconds} s", this);
        }
    }

    /// <summary>The output lines from number <paramref name="from"/> up to, not including, <paramref name="to"/>.</summary>
    public IReadOnlyList<string> Lines(int from = 0, int to = int.MaxValue)
    {
        lock (_lock)
            return [.. _lines.Take(to).Skip(from).Where(line => line.Kind is not ('>' or '#')).Select(line => line.Text)];
    }

    public override string ToString()
    {
        StringBuilder text = new();
        text.Append("--- ").Append(title).AppendLine(" ---");
        lock (_lock)
        {
            for (int i = 0; i < _lines.Count; i++)
            {
                if (i == ShownLinesPerEnd && _lines.Count > 2 * ShownLinesPerEnd)
                {
                    text.Append("   ... ").Append(_lines.Count - 2 * ShownLinesPerEnd).AppendLine(" lines ...");
                    i = _lines.Count - ShownLinesPerEnd;
                }
                (TimeSpan at, char kind, string line) = _lines[i];
                text.Append($"{at.TotalSeconds,8:F3} {kind} ").AppendLine(line);
            }
        }
        return text.ToString();
    }

    private void Pulse()
    {
        TaskCompletionSource changed = _changed;
        _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }
}
