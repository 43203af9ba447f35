using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

public sealed class ControlQueueTests
{
    [Theory]
    [InlineData("000001", 0, "")]
    [InlineData("0101020000000001", 0, "")]
    [InlineData("02000a00", 0, "")]
    [InlineData("04000100", 0, "0+ 1- 2-")]
    [InlineData("04000300", 0, "0+ 1+ 2+")]
    [InlineData("04000000", 1, "")]
    [InlineData("04000400", 1, "")]
    [InlineData("040003", 1, "")]
    [InlineData("0400030000", 1, "")]
    [InlineData("04010300", 1, "")]
    [InlineData("0300", 1, "")]
    [InlineData("05000000000000000000", 1, "")]
    [InlineData("04", 1, "")]
    [InlineData("", 1, "")]
    public void CommandsAreCarriedOutHereAndPairsByTheBackEnd(string command, byte answer, string enabled)
    {
        using var backEnd = new Recorder();
        Assert.Equal(answer, new ControlQueue(backEnd, 3).Execute(Convert.FromHexString(command)));
        Assert.Equal(enabled, string.Join(' ', backEnd.Pairs));
    }

    private sealed class Recorder : IBackEnd
    {
        public List<string> Pairs { get; } = [];

        public Features Offered => Features.None;

        public int MaxPairs => 3;

        public void Negotiate(Features features, DriverRings rings, int pairs)
        {
        }

        public void Start(DriverMemory memory, DriverRings rings, ReadOnlySpan<uint> positions, int enabled)
        {
        }

        public void Enable(int pair, bool enabled) => Pairs.Add($"{pair}{(enabled ? '+' : '-')}");

        public void Stop()
        {
        }

        public void Dispose()
        {
        }
    }
}
