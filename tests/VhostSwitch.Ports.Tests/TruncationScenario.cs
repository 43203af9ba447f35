using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

/// <summary>
/// A guest makes its memory file shorter while it is mapped, so that the next access to it is a SIGBUS. Run in a process of
/// its own, which that may end.
/// </summary>
internal static class TruncationScenario
{
    public const string Rings = "rings";
    public const string Buffers = "buffers";

    public static int Run(string what)
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var @switch = new SwitchUnderTest();
        using var first = new HonestGuest(@switch.SocketPath, new MacAddress(0x0a02), options);
        using var second = new HonestGuest(@switch.SocketPath, new MacAddress(0x0b02), options);
        using var exchange = new FrameExchange(first, second);
        exchange.WaitForRounds(3);
        var attacker = new HonestGuest(@switch.SocketPath, new MacAddress(0x0c02), options with { Sealed = false });
        if (what == Buffers)
        {
            // The exchange's broadcasts go into the buffers, which lie behind the rings.
            SystemCalls.SetLength(attacker.Device.Adjoining.File.Number, 0);
            SystemCalls.SetLength(attacker.Device.High.File.Number, 0);
        }
        else SystemCalls.SetLength(attacker.Device.Low.File.Number, 0);
        attacker.Device.Kick(1);
        exchange.WaitForRounds(10);
        Until.True(() => @switch.StatusOf(2).StartsWith("broken", StringComparison.Ordinal) || @switch.DeviceCount == 2, "the attacker out of use");
        Console.WriteLine("the others go on");
        return 0;
    }
}
