using System.Net.Sockets;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>What keeps the switch from starting: one sentence that says what to change, an exit code, and nothing broken that was there.</summary>
public sealed class StartUpErrorTests : InteropTest
{
    private const int CannotStart = 1;
    private const int BadCommandLine = 2;

    [Fact]
    public Task APathLongerThanSocketsAllowIsNamedWithItsLength() =>
        ExpectAsync(BadCommandLine, "120 bytes; 1 to 107 are allowed", "--socket-file", "/tmp/" + new string('x', 115));

    [Fact]
    public Task AMissingDirectoryIsNamed() =>
        ExpectAsync(CannotStart, "there is no directory " + Folder.File("missing"), "--socket-file", Folder.File("missing/sock"));

    [Fact]
    public async Task AFileThatIsNoSocketStays()
    {
        string path = Folder.File("notes");
        await File.WriteAllTextAsync(path, "do not lose me");
        await ExpectAsync(CannotStart, "a file that is not a socket is there", "--socket-file", path);
        Assert.Equal("do not lose me", await File.ReadAllTextAsync(path));
    }

    [Fact]
    public async Task ASocketThatIsServedIsNotTaken()
    {
        string path = Folder.File("a");
        SwitchProcess first = await StartSwitchAsync(new() { Sockets = [path] });
        await ExpectAsync(CannotStart, "is already served by process", "--socket-file", path);
        // The first one has lost nothing.
        Assert.Equal("waiting for a front-end", (await first.StatusAsync()).PortAt(path).Status);
        await first.StopAsync();
    }

    [Fact]
    public async Task AStaleSocketIsReplaced()
    {
        string path = Folder.File("a");
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            socket.Bind(new UnixDomainSocketEndPoint(path));
        if (!File.Exists(path))
        {
            // The class library removes the file of a socket it closes: one that a killed program leaves looks like this.
            await ChildProcess.RunAsync("busybox", "busybox", ["timeout", "-s", "KILL", "0.5", "busybox", "nc", "-l", "-U", path], Limits.Step, Folder.Path).ContinueWith(_ => { }, TaskScheduler.Default);
        }
        SwitchProcess program = await StartSwitchAsync(new() { Sockets = [path] });
        Assert.Equal("waiting for a front-end", (await program.StatusAsync()).PortAt(path).Status);
        await program.StopAsync();
    }

    [Fact]
    public async Task ADirectoryWithoutPermissionIsNamed()
    {
        string closed = Directory.CreateDirectory(Folder.File("closed")).FullName;
        File.SetUnixFileMode(closed, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.SetUnixFileMode(Folder.Path, (UnixFileMode)0b111_101_101);
        string program = Path.GetFullPath(Repository.SwitchProgram);
        // Root may write anywhere, so the program runs as nobody. Where this test itself is not root it runs as it is.
        string[] command = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program] : [program];
        await using var process = ChildProcess.Start("vhost-switch", command[0], [.. command[1..], "--socket-file", Path.Combine(closed, "sock")], Folder.Path);
        int exitCode = await process.WaitForExitAsync(Limits.Step);
        Assert.Contains($"no permission to write in {closed}", process.Transcript.ToString(), StringComparison.Ordinal);
        Assert.Equal(CannotStart, exitCode);
    }

    [Fact]
    public Task ACoreThatDoesNotExistIsNamedWithThoseThatDo() => ExpectAsync(BadCommandLine, "present", "-l", "900", "--", "--socket-file", Folder.File("a"));

    [Theory]
    [InlineData("--vm2vm", "3")]
    [InlineData("--mergeable", "2")]
    [InlineData("--stats", "-1")]
    [InlineData("--rx-retry", "2")]
    [InlineData("--rx-retry-num", "x")]
    [InlineData("--rx-retry-delay", "99999999999")]
    [InlineData("--zero-copy", "1")]
    [InlineData("--tx-csum", "yes")]
    [InlineData("--tso", "7")]
    [InlineData("--vlan-strip", "9")]
    [InlineData("--dmas", "[txd0@0000:00:04.0]")]
    [InlineData("-p", "0")]
    public Task ABadOrUnbuiltOptionIsRefusedByName(string option, string? value) =>
        ExpectAsync(BadCommandLine, option.TrimStart('-'), [option, .. value is null ? Array.Empty<string>() : [value]]);

    private async Task ExpectAsync(int code, string sentence, params string[] arguments)
    {
        await using var process = ChildProcess.Start("vhost-switch", Repository.SwitchProgram, arguments, Folder.Path);
        int exitCode = await process.WaitForExitAsync(Limits.Step);
        Assert.Contains(sentence, process.Transcript.ToString(), StringComparison.Ordinal);
        Assert.Equal(code, exitCode);
    }
}
