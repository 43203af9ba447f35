using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>A program that the test started: its output, its input, its end.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan EndAfterKill = TimeSpan.FromSeconds(10);
    private static readonly ConcurrentDictionary<int, ChildProcess> Living = [];

    // A test host that ends early must leave nothing behind that polls a core. The parent-death signal of Linux cannot do this:
    // it fires when the starting thread ends, and the pool's threads come and go. .NET 10 ends on SIGTERM without ProcessExit.
    private static readonly PosixSignalRegistration[] EndOfHost =
        [PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => KillAll()), PosixSignalRegistration.Create(PosixSignal.SIGHUP, _ => KillAll())];

    private readonly Process _process;
    private readonly Task _ended;
    private int _exitCode;

    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) => KillAll();

    private ChildProcess(string title, ProcessStartInfo start)
    {
        Transcript = new Transcript(title);
        Transcript.Add('#', $"{start.FileName} {string.Join(' ', start.ArgumentList)}");
        _process = new Process { StartInfo = start };
        try
        {
            _process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new RigException($"{title} cannot be started: {e.Message}", Transcript);
        }
        Pid = _process.Id;
        Living[Pid] = this;
        _process.StandardInput.AutoFlush = true;
        _ended = FollowAsync();
    }

    public Transcript Transcript { get; }

    public int Pid { get; }

    public bool HasExited => _ended.IsCompleted;

    /// <summary>The exit code; 128 plus the signal's number for a program ended by a signal.</summary>
    public int ExitCode => _exitCode;

    /// <param name="title">What the program is in this test, for messages.</param>
    /// <exception cref="RigException">The program cannot be started.</exception>
    public static ChildProcess Start(
        string title,
        string program,
        IEnumerable<string> arguments,
        string? workingDirectory = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return new ChildProcess(title, start);
    }

    /// <summary>Runs a program to its end and gives what it printed on its output.</summary>
    /// <exception cref="RigException">It failed, or did not end in time.</exception>
    public static async Task<string> RunAsync(
        string title,
        string program,
        IEnumerable<string> arguments,
        TimeSpan limit,
        string? workingDirectory = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        await using ChildProcess child = Start(title, program, arguments, workingDirectory, environment);
        child._process.StandardInput.Close();
        int exitCode = await child.WaitForExitAsync(limit);
        if (exitCode != 0)
            throw new RigException($"{title} ended with {exitCode}", child.Transcript);
        return string.Join('\n', child.Transcript.Lines());
    }

    /// <inheritdoc cref="Transcript.WaitForLineAsync"/>
    public async Task<Match> WaitForLineAsync(Regex pattern, TimeSpan limit, int from = 0) =>
        (await Transcript.WaitForLineAsync(pattern, limit, from)).Match;

    /// <returns>The exit code.</returns>
    /// <exception cref="RigException">It still runs after <paramref name="limit"/>.</exception>
    public async Task<int> WaitForExitAsync(TimeSpan limit)
    {
        if (await Task.WhenAny(_ended, Task.Delay(limit)) != _ended)
            throw new RigException($"{this} still runs after {limit.TotalSeconds} s", Transcript);
        return ExitCode;
    }

    public void WriteLine(string line)
    {
        Transcript.Add('>', line);
        try
        {
            _process.StandardInput.Write(line + "\n");
        }
        catch (IOException e)
        {
            throw new RigException($"{this} does not read its input: {e.Message}", Transcript);
        }
    }

    /// <summary>What each thread of the program does now: its name, its state with the processor time it used, the system call it waits in.</summary>
    public IEnumerable<string> Threads() => Directory.GetDirectories($"/proc/{Pid}/task").Select(task =>
    {
        // The name in the second field may have spaces; behind it come the state and, 11 fields on, the time in user and system mode.
        string[] fields = File.ReadAllText($"{task}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return $"{File.ReadAllText($"{task}/comm").Trim()}: {fields[0]}, {fields[11]} + {fields[12]} ticks, {File.ReadAllText($"{task}/syscall").Trim()}";
    });

    /// <summary>Sends a signal to this process, and to no other: it is not sent once the process has been waited for.</summary>
    public void Signal(ChildSignal signal)
    {
        Transcript.Add('#', $"signal {signal}");
        if (!HasExited && !_process.HasExited)
            ChildSignals.Send(Pid, signal);
    }

    /// <exception cref="RigException">The program has ended by itself.</exception>
    public void ThrowIfEnded()
    {
        if (HasExited)
            throw new RigException($"{this} has ended with {ExitCode}", Transcript);
    }

    public async ValueTask DisposeAsync()
    {
        if (!HasExited)
        {
            Signal(ChildSignal.Kill);
            await Task.WhenAny(_ended, Task.Delay(EndAfterKill));
        }
        Living.TryRemove(Pid, out _);
        _process.Dispose();
    }

    public override string ToString() => $"{_process.StartInfo.FileName} (pid {Pid})";

    private static void KillAll()
    {
        foreach (ChildProcess child in Living.Values)
            child.Signal(ChildSignal.Kill);
    }

    private async Task FollowAsync()
    {
        await Task.WhenAll(ReadAsync(_process.StandardOutput, ' '), ReadAsync(_process.StandardError, '!'));
        await _process.WaitForExitAsync();
        _exitCode = _process.ExitCode;
        Transcript.Add('#', $"ended with {_exitCode}");
        Transcript.End();
    }

    private async Task ReadAsync(StreamReader stream, char kind)
    {
        while (await stream.ReadLineAsync() is { } line)
            Transcript.Add(kind, line);
    }
}
