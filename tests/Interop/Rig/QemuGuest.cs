using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>A Linux guest under QEMU's software emulation, driven by shell commands over a serial port.</summary>
internal sealed class QemuGuest : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly string _name;
    private readonly QmpClient? _monitor;
    private readonly Task _connected;

    private QemuGuest(ChildProcess process, string name, string shellSocket, string? monitorSocket)
    {
        _process = process;
        _name = name;
        Shell = new GuestShell(name);
        _monitor = monitorSocket is null ? null : new QmpClient(name);
        _connected = ConnectAsync(shellSocket, monitorSocket);
    }

    /// <summary>QEMU's own words and the guest's console.</summary>
    public Transcript Console => _process.Transcript;

    public GuestShell Shell { get; }

    /// <summary>QEMU's monitor. Usable after <see cref="WaitForBootAsync"/> or <see cref="WaitForStartAsync"/>.</summary>
    public QmpClient Monitor => _monitor ?? throw new RigException($"guest {_name} was started without a monitor");

    /// <summary>Everything that QEMU and the guest said.</summary>
    public IEnumerable<Transcript> Transcripts => _monitor is null ? [Console, Shell.Transcript] : [Console, Shell.Transcript, _monitor.Transcript];

    public bool HasExited => _process.HasExited;

    public int Pid => _process.Pid;

    public static QemuGuest Start(TestFolder folder, GuestImage image, QemuGuestOptions options)
    {
        string shellSocket = folder.File(options.Name + ".sh"), monitorSocket = folder.File(options.Name + ".qmp");
        const string program = "qemu-system-x86_64";
        string title = $"guest {options.Name}";
        IEnumerable<string> arguments = options.ToArguments(image, folder, shellSocket, monitorSocket);
        ChildProcess process = options.Namespace is { } place
            ? place.Start(title, program, arguments, folder.Path)
            : ChildProcess.Start(title, program, arguments, folder.Path);
        return new QemuGuest(process, options.Name, shellSocket, options.HasMonitor ? monitorSocket : null);
    }

    /// <summary>Waits until QEMU runs, and no longer: a guest that is to come by migration does not boot.</summary>
    public Task WaitForStartAsync() => _connected;

    /// <summary>Waits until the guest takes commands.</summary>
    public async Task WaitForBootAsync()
    {
        await _connected;
        try
        {
            await OrExit(Shell.WaitForBootAsync(Limits.GuestBoot));
        }
        catch (RigException e) when (!HasExited)
        {
            // A guest that says nothing has a QEMU that waits for somebody, or processors that make no headway.
            throw new RigException($"{e.Message}\nQEMU's threads (name, state, system call):\n{string.Join('\n', _process.Threads())}");
        }
    }

    /// <summary>Runs a script in the guest.</summary>
    public Task<GuestCommandResult> RunAsync(string script, TimeSpan? limit = null) =>
        OrExit(Shell.RunAsync(script, limit ?? Limits.GuestCommand));

    /// <summary>Runs a script that must succeed and gives its output.</summary>
    /// <exception cref="RigException">It ended with another exit code than 0.</exception>
    public async Task<string> CheckAsync(string script, TimeSpan? limit = null)
    {
        GuestCommandResult result = await RunAsync(script, limit);
        if (result.ExitCode != 0)
            throw new RigException($"in guest {_name}, \"{script}\" ended with {result.ExitCode}: {result.Output}", Shell.Transcript, Console);
        return result.Output;
    }

    /// <summary>The guest resets itself and boots again, in the same QEMU.</summary>
    public async Task RebootAsync()
    {
        int from = Shell.Transcript.Length;
        await Shell.SendAsync("reboot -f");
        await OrExit(Shell.WaitForBootAsync(Limits.GuestBoot, from));
    }

    /// <summary>The guest switches itself off, and QEMU ends.</summary>
    public async Task PowerOffAsync()
    {
        await Shell.SendAsync("poweroff -f");
        int exitCode = await _process.WaitForExitAsync(Limits.Step);
        if (exitCode != 0)
            throw new RigException($"QEMU of guest {_name} ended with {exitCode}", Console);
    }

    /// <summary>QEMU is killed: no ring is stopped, the socket just closes.</summary>
    public async Task KillAsync()
    {
        _process.Signal(ChildSignal.Kill);
        await _process.WaitForExitAsync(Limits.Step);
    }

    /// <summary>Waits for a line of QEMU's or of the console.</summary>
    public Task<Match> WaitForConsoleLineAsync(Regex pattern, TimeSpan limit) => _process.WaitForLineAsync(pattern, limit);

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Shell.Dispose();
        _monitor?.Dispose();
    }

    private async Task ConnectAsync(string shellSocket, string? monitorSocket)
    {
        Shell.Use(await LocalSocket.ConnectAsync(shellSocket, _process.ThrowIfEnded, Console.ToString));
        if (monitorSocket is not null)
            await Monitor.UseAsync(await LocalSocket.ConnectAsync(monitorSocket, _process.ThrowIfEnded, Console.ToString));
    }

    /// <summary>A guest whose QEMU has ended says nothing more: its console, not the silence, is the failure's reason.</summary>
    private async Task<T> OrExit<T>(Task<T> answer)
    {
        await OrExit((Task)answer);
        return await answer;
    }

    private async Task OrExit(Task answer)
    {
        try
        {
            await answer;
        }
        catch (RigException e)
        {
            throw new RigException(e.Message, Console);
        }
    }
}
