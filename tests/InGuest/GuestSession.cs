using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.InGuest;

/// <summary>
/// This program below the guest: it boots one that has this machine's file system, starts itself there, relays what it says and checks
/// that every test was run.
/// </summary>
internal static class GuestSession
{
    /// <summary>What the tests need in the guest: .NET several times over, with the pages of its files.</summary>
    private const int MemoryMiB = 1024;

    private const int Failed = 1;

    /// <summary>By how much an emulated processor is slower, generously: the rig's limits are so many times longer in the guest.</summary>
    private const int Slowness = 5;

    /// <summary>The seconds after which a test is named that still runs: of a guest that hangs, it says where.</summary>
    private const string NamedAfter = "60";

    /// <summary>A kernel that is in trouble ends, and QEMU with it. A pipeline fails if any of its programs does.</summary>
    private const string Preparation = "echo 1 >/proc/sys/kernel/panic_on_oops; echo -1 >/proc/sys/kernel/panic; set -o pipefail";

    /// <summary>A run that takes longer is taken to hang.</summary>
    private static readonly TimeSpan Limit = FullRun.Requested ? TimeSpan.FromHours(1) : TimeSpan.FromMinutes(20);

    /// <summary>Of this process's environment, what programs in the guest get as well.</summary>
    private static readonly string[] Inherited = ["PATH", "DOTNET_ROOT", "VHOSTSWITCH_FULL", "VHOSTSWITCH_PROGRAM"];

    /// <summary>Runs the tests in a guest.</summary>
    /// <param name="arguments">Those of the test program: <c>-class</c>, <c>-method</c>, <c>-noColor</c> and so on.</param>
    /// <returns>The exit code: 0 if every test that the arguments choose was run and passed.</returns>
    public static async Task<int> RunTestsAsync(string[] arguments)
    {
        int chosen = await CountAsync(arguments);
        using TestFolder folder = new();
        await using QemuGuest guest = QemuGuest.Start(folder, await GuestImage.GetAsync(), Options);
        try
        {
            await guest.WaitForBootAsync();
            string tests = Command([Environment.ProcessPath!, "--here", .. arguments, "-longRunning", NamedAfter]);
            // Through a pipe: the serial port is a terminal, to which .NET says more than text.
            (int exitCode, int run) = await RelayAsync(guest, $"{Preparation}; {tests} | cat");
            if (run == chosen)
                return exitCode;
            Console.WriteLine($"InGuest: {run} tests were run in the guest, and there are {chosen}");
        }
        catch (RigException e)
        {
            // Everything that the shell said has been relayed; the console has what the kernel said.
            Console.WriteLine($"InGuest: the guest did not come to the end of its tests: {e.Message.Split('\n')[0]}\n{guest.Console}");
        }
        return Failed;
    }

    /// <summary>Boots the guest with its console at this terminal and a shell there, which has this machine's programs, until that ends.</summary>
    /// <returns>The shell's exit code.</returns>
    public static async Task<int> OpenShellAsync()
    {
        using TestFolder folder = new();
        string socket = folder.File("shell");
        using Process qemu = Process.Start("qemu-system-x86_64", Options.ToArguments(await GuestImage.GetAsync(), folder, socket, ""));
        using GuestShell shell = new(Options.Name);
        shell.Use(await LocalSocket.ConnectAsync(socket, () => { }, shell.Transcript.ToString));
        await shell.WaitForBootAsync(Limits.GuestBoot);
        string bash = Command([$"TERM={Environment.GetEnvironmentVariable("TERM")}", "bash", "-i"]);
        GuestCommandResult result = await shell.RunAsync($"setsid -c {bash} </dev/ttyS0 >/dev/ttyS0 2>&1", TimeSpan.FromDays(1));
        await shell.SendAsync("poweroff -f");
        await qemu.WaitForExitAsync();
        return result.ExitCode;
    }

    private static QemuGuestOptions Options => new()
    {
        Name = "inguest",
        Memory = GuestMemory.Anonymous,
        MemoryMiB = MemoryMiB,
        Cpus = 2,
        SharesHostFiles = true,
        MoreArguments = ["-no-reboot"],
    };

    /// <summary>How many tests the arguments choose, as this program lists them without a guest.</summary>
    private static async Task<int> CountAsync(string[] arguments)
    {
        string json = await ChildProcess.RunAsync(
            "the list of tests", Environment.ProcessPath!, ["--here", .. arguments, "-preEnumerateTheories", "-list", "tests/json"], Limits.Step);
        return JsonDocument.Parse(json).RootElement.GetArrayLength();
    }

    /// <summary>Runs a command in the guest and writes what it says, line by line, to this program's output.</summary>
    /// <returns>Its exit code, and the number of tests in the closing line of a test run.</returns>
    private static async Task<(int ExitCode, int Run)> RelayAsync(QemuGuest guest, string command)
    {
        int from = guest.Shell.Transcript.Length, run = 0;
        int id = await guest.Shell.SendAsync(command);
        var clock = Stopwatch.StartNew();
        while (true)
        {
            (Match line, int number) = await guest.Shell.Transcript.WaitForLineAsync(new Regex(".*"), Limit - clock.Elapsed, from);
            from = number + 1;
            if (Regex.Match(line.Value, $@"^#END {id} (\d+)$") is { Success: true } end)
                return (int.Parse(end.Groups[1].Value), run);
            if (Regex.Match(line.Value, @"\bTotal: (\d+)") is { Success: true } total)
                run = int.Parse(total.Groups[1].Value);
            Console.WriteLine(line.Value);
        }
    }

    /// <summary>A line for the guest's shell that runs a program of this machine there.</summary>
    private static string Command(IEnumerable<string> words)
    {
        IEnumerable<string> variables = from name in Inherited
                                        let value = Environment.GetEnvironmentVariable(name)
                                        where value is not null
                                        select $"{name}={value}";
        IEnumerable<string> command = ["host-root", "env", $"VHOSTSWITCH_SLOWNESS={Slowness}", .. variables, .. words];
        return string.Join(' ', command.Select(Quote));
    }

    private static string Quote(string word) => $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
