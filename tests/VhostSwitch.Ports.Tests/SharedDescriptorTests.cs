using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

/// <summary>What a guest can do with a descriptor after it has handed it over, since both sides have the same one.</summary>
public sealed class SharedDescriptorTests : IDisposable
{
    private readonly SwitchUnderTest _switch = new();

    public void Dispose() => _switch.Dispose();

    [Fact]
    public void ACallThatBlocksDoesNotStopTheSwitch()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var first = new HonestGuest(_switch.SocketPath, new MacAddress(0x0a02), options);
        using var second = new HonestGuest(_switch.SocketPath, new MacAddress(0x0b02), options);
        using var attacker = new HonestGuest(_switch.SocketPath, new MacAddress(0x0c02), options);
        using var exchange = new FrameExchange(first, second);
        exchange.WaitForRounds(3);
        // The count is as high as it goes and the next write waits until somebody reads.
        int call = attacker.Device.Calls[1].Number;
        EventFd.Drain(call);
        SystemCalls.SetBlocking(call);
        SystemCalls.Write(call, ulong.MaxValue - 1);
        // To nobody: flooded, and not counted by the guests it reaches.
        attacker.Send(NumberedFrame.Make(new MacAddress(0x0d02), attacker.Mac, 1));
        long until = exchange.Rounds + 20;
        bool goesOn = Until.TryTrue(() => exchange.Rounds >= until, TimeSpan.FromSeconds(5));
        // Whoever waits goes on, so that the test itself can end.
        EventFd.Drain(call);
        Assert.True(goesOn, "no frame crosses the switch while it waits to notify one guest");
    }

    [Fact]
    public void AKickThatIsNeverReadDoesNotKeepAThreadAwake()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var guest = new HonestGuest(_switch.SocketPath, new MacAddress(0x0a02), options);
        for (int i = 0; i < 1000; i++)
            guest.Device.Kick(1);
        Until.True(() => _switch.DataPlane.Threads[0].IsSleeping, "a sleeping thread");
    }
}
