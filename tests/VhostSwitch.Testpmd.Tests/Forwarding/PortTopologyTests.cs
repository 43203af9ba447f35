using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Tests.Forwarding;

public sealed class PortTopologyTests
{
    [Theory]
    [InlineData("paired", 4, "1 0 3 2")]
    [InlineData("paired", 3, "1 0 2")]
    [InlineData("paired", 1, "0")]
    [InlineData("chained", 3, "1 2 0")]
    [InlineData("loop", 3, "0 1 2")]
    public void SaysByWhichPortFramesLeave(string topology, int ports, string outputs)
    {
        var value = Enum.Parse<PortTopology>(topology, ignoreCase: true);
        Assert.Equal(outputs, string.Join(' ', Enumerable.Range(0, ports).Select(place => value.Output(place, ports))));
    }
}
