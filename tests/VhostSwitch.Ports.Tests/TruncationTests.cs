using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

/// <summary>A guest that makes its memory file shorter ends its own connection and not the switch.</summary>
public sealed class TruncationTests
{
    [Theory]
    [InlineData(TruncationScenario.OnePollThread)]
    [InlineData(TruncationScenario.TwoPollThreads)]
    [InlineData(TruncationScenario.Collections)]
    public async Task AMemoryFileThatShrinksEndsItsOwnGuestAlone(string scenario)
    {
        Assert.SkipUnless(MemoryMapping.PeerFilesAreGuarded, "no handler for this processor");
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["--scenario", scenario])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // No dump where it ends by a fault.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(4 * Until.Limit)) process.Kill();
        Assert.True(process.HasExited && process.ExitCode == 0, $"the switch ended with {process.ExitCode}: {await error}");
        Assert.Contains("the others went on through", await output, StringComparison.Ordinal);
    }
}
