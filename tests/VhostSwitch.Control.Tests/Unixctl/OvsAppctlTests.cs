using System.Diagnostics;

namespace VhostSwitch.Control.Tests.Unixctl;

/// <summary>The server against the client whose protocol it speaks: ovs-appctl of Debian's openvswitch-common.</summary>
public class OvsAppctlTests
{
    private const int LimitMs = 20_000;

    [Fact(Timeout = LimitMs)]
    public async Task ListsTheCommands()
    {
        await using var test = TestServer.Start();
        var (code, output, _) = await AppctlAsync(test, "list-commands");
        Assert.Equal(0, code);
        Assert.StartsWith("The available commands are:\n  break\n", output);
    }

    [Fact(Timeout = LimitMs)]
    public async Task TellsTheVersion()
    {
        await using var test = TestServer.Start();
        Assert.Equal((0, "test 1.2\n", ""), await AppctlAsync(test, "version"));
    }

    [Fact(Timeout = LimitMs)]
    public async Task PassesArguments()
    {
        await using var test = TestServer.Start();
        Assert.Equal((0, "two words|\"ü{\n", ""), await AppctlAsync(test, "echo", "two words", "\"ü{"));
    }

    [Fact(Timeout = LimitMs)]
    public async Task SeesAnErrorAsAnError()
    {
        await using var test = TestServer.Start();
        var (code, output, error) = await AppctlAsync(test, "nope");
        Assert.Equal(2, code);
        Assert.Equal("", output);
        Assert.StartsWith("\"nope\" is not a valid command", error);
    }

    private static async Task<(int Code, string Output, string Error)> AppctlAsync(TestServer test, params string[] words)
    {
        var start = new ProcessStartInfo("ovs-appctl", ["--timeout=10", "-t", test.Path, .. words]) { RedirectStandardOutput = true,
            RedirectStandardError = true };
        using var appctl = Process.Start(start)!;
        var output = appctl.StandardOutput.ReadToEndAsync();
        string error = await appctl.StandardError.ReadToEndAsync();
        await appctl.WaitForExitAsync();
        return (appctl.ExitCode, await output, error);
    }
}
