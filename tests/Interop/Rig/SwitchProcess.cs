using System.Text.Json;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>The program under test, as its user starts, asks and stops it.</summary>
internal sealed class SwitchProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly IReadOnlyList<string> _sockets;
    private readonly string? _controlSocket;
    private readonly string _folder;

    private SwitchProcess(ChildProcess process, IReadOnlyList<string> sockets, string? controlSocket, string folder)
    {
        _process = process;
        _sockets = sockets;
        _controlSocket = controlSocket;
        _folder = folder;
    }

    public Transcript Transcript => _process.Transcript;

    public int Pid => _process.Pid;

    private IEnumerable<string> AllSockets => _controlSocket is null ? _sockets : _sockets.Append(_controlSocket);

    public static SwitchProcess Start(TestFolder folder, SwitchOptions options)
    {
        string controlSocket = folder.File("ctl");
        return StartWith(folder, options.ToArguments(controlSocket), options.Sockets, controlSocket, options.Namespace);
    }

    /// <summary>Starts it with a command line word by word, in the test's folder.</summary>
    /// <param name="sockets">The sockets that this command line asks for.</param>
    /// <param name="controlSocket">The control socket that it asks for, if it does.</param>
    /// <param name="place">The network namespace it is started in; null for the host's.</param>
    /// <param name="program">What starts it, with the program among the arguments; null for the program itself.</param>
    public static SwitchProcess StartWith(
        TestFolder folder, IEnumerable<string> arguments, IReadOnlyList<string> sockets, string? controlSocket = null, NetworkNamespace? place = null, string? program = null)
    {
        program ??= Repository.SwitchProgram;
        ChildProcess process = place is null
            ? ChildProcess.Start("vhost-switch", program, arguments, folder.Path)
            : place.Start("vhost-switch", program, arguments, folder.Path);
        return new SwitchProcess(process, sockets, controlSocket, folder.Path);
    }

    /// <summary>Waits until every socket, the control socket included, is there.</summary>
    public Task WaitUntilServingAsync() => Until.TrueAsync(
        () =>
        {
            _process.ThrowIfEnded();
            return AllSockets.All(File.Exists);
        },
        Limits.Step,
        "vhost-switch serves its sockets",
        Transcript.ToString);

    /// <summary>Waits until the control socket is answered: what to wait for where a killed switch has left its sockets behind.</summary>
    public Task WaitUntilAnsweringAsync() => Until.TrueAsync(
        async () =>
        {
            _process.ThrowIfEnded();
            try
            {
                using JsonDocument status = await ShowAsync();
                return true;
            }
            catch (RigException)
            {
                return false;
            }
        },
        Limits.Step,
        "vhost-switch answers at its control socket",
        Transcript.ToString);

    /// <summary>What "ctl show --json" prints.</summary>
    public async Task<JsonDocument> ShowAsync()
    {
        string[] socket = _controlSocket is null ? [] : ["--socket", _controlSocket];
        string[] arguments = ["ctl", .. socket, "--timeout", $"{(int)Limits.Step.TotalSeconds}", "show", "--json"];
        string json = await ChildProcess.RunAsync("vhost-switch ctl", Repository.SwitchProgram, arguments, Limits.Step, _folder);
        return JsonDocument.Parse(json);
    }

    /// <summary>The same, read.</summary>
    public async Task<SwitchStatus> StatusAsync()
    {
        using JsonDocument document = await ShowAsync();
        return SwitchStatus.Read(document);
    }

    /// <summary>Asks until the status is as the test needs it.</summary>
    /// <param name="what">What is awaited, for the message.</param>
    public async Task<SwitchStatus> WaitForStatusAsync(Func<SwitchStatus, bool> condition, string what, TimeSpan? limit = null)
    {
        SwitchStatus? status = null;
        await Until.TrueAsync(
            async () => condition(status = await StatusAsync()),
            limit ?? Limits.Step,
            $"vhost-switch shows {what}",
            () => $"last: {status}\n{Transcript}");
        return status!;
    }

    public Task<Match> WaitForLineAsync(Regex pattern, TimeSpan limit) => _process.WaitForLineAsync(pattern, limit);

    /// <summary>Stops it as its user does and checks what a clean stop is: exit code 0 and no socket left behind.</summary>
    public async Task StopAsync(ChildSignal signal = ChildSignal.Interrupt)
    {
        _process.Signal(signal);
        int exitCode = await _process.WaitForExitAsync(Limits.Step);
        if (exitCode != 0)
            throw new RigException($"vhost-switch ended with {exitCode} on {signal}", Transcript);
        if (AllSockets.FirstOrDefault(File.Exists) is { } left)
            throw new RigException($"vhost-switch left {left} behind", Transcript);
    }

    /// <summary>How many descriptors it has open.</summary>
    public int Descriptors() => Directory.EnumerateFileSystemEntries($"/proc/{_process.Pid}/fd").Count();

    /// <summary>Waits until it has no more open descriptors than before: the runtime has some for a moment, too.</summary>
    public Task WaitForDescriptorsAsync(int before) => Until.TrueAsync(
        () => Descriptors() <= before, Limits.Step, $"no more than {before} descriptors", () => $"{Descriptors()} are open");

    /// <summary>Stops every thread of it, as a debugger does.</summary>
    public Task SuspendAsync()
    {
        _process.Signal(ChildSignal.Stop);
        return Until.TrueAsync(
            () => Directory.EnumerateDirectories($"/proc/{_process.Pid}/task").All(task => File.ReadAllText($"{task}/stat").Contains(") T ", StringComparison.Ordinal)),
            Limits.Step,
            "every thread of vhost-switch is stopped");
    }

    /// <summary>Lets it go on after <see cref="SuspendAsync"/>.</summary>
    public void Resume() => _process.Signal(ChildSignal.Continue);

    /// <summary>Ends it as a crash would: its sockets stay.</summary>
    public async Task KillAsync()
    {
        _process.Signal(ChildSignal.Kill);
        await _process.WaitForExitAsync(Limits.Step);
        if (AllSockets.FirstOrDefault(socket => !File.Exists(socket)) is { } gone)
            throw new RigException($"vhost-switch was killed, and {gone} has gone all the same", Transcript);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
