using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>The files of docs/examples, as a newcomer uses them.</summary>
public sealed class ExampleTests : InteropTest
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [Fact]
    public Task LibvirtsOwnCheckTakesTheGuest() =>
        ChildProcess.RunAsync("virt-xml-validate", "virt-xml-validate", [Path.Combine(Repository.Root, "docs", "examples", "demovm.xml"), "domain"], Limits.Step);

    [Fact]
    public async Task GuestsReachTheOutsideThroughAnAttachedInterface()
    {
        ChildProcess script = Own(ChildProcess.Start("internet.sh", Path.Combine(Repository.Root, "docs", "examples", "internet.sh"), []), s => [s.Transcript]);
        Assert.Equal(0, await script.WaitForExitAsync(Limit));
        string[] lines = [.. script.Transcript.Lines()];
        // Guest to guest, each guest to the outside, and the outside to a guest.
        Assert.Equal(4, lines.Count(line => Regex.IsMatch(line, "5 (packets )?received")));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^net_af_xdp0 +net_af_xdp +- +up: uplink"));
    }
}
