using System.Diagnostics;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

/// <summary>A guest that makes its memory file shorter ends its own connection and not the switch.</summary>
public sealed class TruncationTests
{
    [Theory(Skip = "not built yet: a front-end that truncates its memory file ends the switch with SIGBUS (ARCHITECTURE.md, Who is trusted)")]
    [InlineData(TruncationScenario.Rings)]
    [InlineData(TruncationScenario.Buffers)]
    public async Task AMemoryFileThatShrinksEndsItsOwnGuestAlone(string what)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["--scenario", what]) { RedirectStandardOutput = true, RedirectStandardError = true };
        // No dump of a process that is expected to fault while this is not built.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(4 * Until.Limit)) process.Kill();
        Assert.True(process.HasExited && process.ExitCode == 0, $"the switch ended with {process.ExitCode}: {await error}");
        Assert.Contains("the others go on", await output, StringComparison.Ordinal);
    }
}
