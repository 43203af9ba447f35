using System.Diagnostics;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Linux.Tests;

/// <summary>This program again, as a process of its own that runs one scenario.</summary>
internal static class Child
{
    public static async Task<(string Output, string Error, int ExitCode)> RunAsync(string scenario)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["--scenario", scenario])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // No dump of a process that is expected to fault.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Until.Limit)) process.Kill();
        return (await output, await error, process.ExitCode);
    }
}
