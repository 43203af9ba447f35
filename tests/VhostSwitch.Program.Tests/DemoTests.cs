using System.Text.Json;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Vhost.Net;
using Xunit;

namespace VhostSwitch.Program.Tests;

/// <summary><c>vhost-switch demo</c>, as it is shipped and with a switch that copies wrongly.</summary>
public sealed class DemoTests
{
    [Fact]
    public void EveryFrameArrivesAndTheExitCodeIs0()
    {
        var output = new StringWriter();
        Assert.Equal(ExitCode.Ok, Demo.Run(new DemoOptions(1, 64, Json: false), GuestQueueFactory.Default, output));
        Assert.Contains("0 lost, 0 changed, 0 out of order", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void TheResultIsJsonWhenAskedFor()
    {
        var output = new StringWriter();
        Assert.Equal(ExitCode.Ok, Demo.Run(new DemoOptions(1, 1514, Json: true), GuestQueueFactory.Default, output));
        using var result = JsonDocument.Parse(output.ToString());
        Assert.True(result.RootElement.GetProperty("frames").GetInt64() > 0);
        Assert.Equal(0, result.RootElement.GetProperty("lost").GetInt64());
        Assert.Equal(1514 * result.RootElement.GetProperty("frames").GetInt64(), result.RootElement.GetProperty("bytes").GetInt64());
    }

    /// <summary>The demo's own control: were this 0, the demo would prove nothing.</summary>
    [Fact]
    public void ASwitchThatSwapsTwoBytesIsNoticed()
    {
        var output = new StringWriter();
        Assert.Equal(ExitCode.Failed, Demo.Run(new DemoOptions(1, 64, Json: false), new GuestQueueFactory.Of<SwappingCopy>(), output));
        Assert.Contains("FAIL", output.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Copies like the switch, and then swaps the last two bytes of each copy: two bytes that differ in the demo's frames.</summary>
    private readonly unsafe struct SwappingCopy : IFrameCopy
    {
        public static void Copy(byte* to, byte* from, uint length)
        {
            VectorCopy.Copy(to, from, length);
            if (length < 2) return;
            (to[length - 1], to[length - 2]) = (to[length - 2], to[length - 1]);
        }
    }
}
