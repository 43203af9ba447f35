using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>
/// DPDK's dpdk-testpmd at its prompt, or this project's: with virtio_user ports it is a guest, with net_vhost ports a switch.
/// </summary>
internal sealed class Testpmd : IAsyncDisposable
{
    private static int _instances;

    private readonly ChildProcess _process;
    private readonly TestpmdOptions _options;

    private Testpmd(ChildProcess process, TestpmdOptions options)
    {
        _process = process;
        _options = options;
    }

    public Transcript Transcript => _process.Transcript;

    public int Pid => _process.Pid;

    /// <summary>Starts the program. The sockets of ports that connect must be there.</summary>
    public static Testpmd Start(TestFolder folder, TestpmdOptions options)
    {
        string prefix = $"vsw{Environment.ProcessId}-{Interlocked.Increment(ref _instances)}";
        // The run-time folder of DPDK goes where the test's other files are.
        Dictionary<string, string> environment = new() { ["RUNTIME_DIRECTORY"] = folder.Path };
        // Its prompt is written at once, but what commands print goes through stdio, which holds back 4 KiB unless it writes to a terminal.
        IEnumerable<string> arguments = ["-oL", options.Own ? Repository.TestpmdProgram : "dpdk-testpmd", .. options.ToArguments(prefix)];
        (string program, arguments) = options.Namespace is { } place ? ("ip", ["netns", "exec", place.Name, "stdbuf", .. arguments]) : ("stdbuf", arguments);
        return new Testpmd(ChildProcess.Start(options.Title, program, arguments, folder.Path, environment), options);
    }

    /// <summary>Waits until all ports are configured and commands are read.</summary>
    public async Task WaitUntilReadyAsync()
    {
        // With -i it stays at its prompt when a port cannot be configured or started.
        Match match = await _process.WaitForLineAsync(new Regex("^Done$|Start ports failed|Fail to"), Limits.DpdkStart);
        if (match.Value != "Done")
            throw new RigException($"{_options.Title} could not start its ports", Transcript);
    }

    /// <summary>Waits until virtio_user has said that it uses a function, in its own words: "packed ring vectorized Rx".</summary>
    /// <exception cref="RigException">It uses another one.</exception>
    public Task WaitForDriverPathAsync(string path) =>
        _process.WaitForLineAsync(new Regex($"virtio: using {Regex.Escape(path)} path on port"), Limits.Step);

    /// <summary>Starts forwarding.</summary>
    /// <param name="txFirst">Each port sends one burst first: what a closed loop needs to begin.</param>
    public async Task StartForwardingAsync(bool txFirst = false)
    {
        int from = Transcript.Length;
        _process.WriteLine(txFirst ? "start tx_first" : "start");
        await _process.WaitForLineAsync(new Regex("packet forwarding"), Limits.Step, from);
    }

    /// <summary>Types any command and gives what it prints.</summary>
    public async Task<IReadOnlyList<string>> CommandAsync(string command)
    {
        // Nothing marks the end of a command's output, and the prompt has no line end: a second command, which testpmd will not
        // know, is echoed when the first has been carried out.
        int from = Transcript.Length;
        string mark = $"mark{from}";
        _process.WriteLine(command);
        _process.WriteLine(mark);
        (_, int end) = await Transcript.WaitForLineAsync(new Regex(Regex.Escape(mark)), Limits.Step, from);
        return Transcript.Lines(from, end);
    }

    public async Task<IReadOnlyList<TestpmdCounters>> ShowCountersAsync()
    {
        IReadOnlyList<TestpmdCounters> counters = TestpmdCounters.Parse(await CommandAsync("show port stats all"));
        if (counters.Count != _options.Ports.Count)
            throw new RigException($"{_options.Title} showed the counters of {counters.Count} ports", Transcript);
        return counters;
    }

    /// <summary>Stops forwarding; rings stay as they are.</summary>
    public async Task StopForwardingAsync()
    {
        int from = Transcript.Length;
        _process.WriteLine("stop");
        await _process.WaitForLineAsync(new Regex("^Done\\."), Limits.Step, from);
    }

    /// <summary>Stops and closes the ports and ends the program, as its user would.</summary>
    /// <exception cref="RigException">It did not end, or not with 0.</exception>
    public async Task QuitAsync()
    {
        _process.WriteLine("quit");
        int exitCode = await _process.WaitForExitAsync(Limits.Step);
        if (exitCode != 0)
            throw new RigException($"{_options.Title} ended with {exitCode}", Transcript);
    }

    /// <summary>Ends the program as a crash would: no ring is stopped, the socket just closes.</summary>
    public async Task KillAsync()
    {
        _process.Signal(ChildSignal.Kill);
        await _process.WaitForExitAsync(Limits.Step);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
