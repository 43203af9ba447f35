using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Rings that lie where they must not, and indexes that no driver writes.</summary>
public static class RingAttacks
{
    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        new("places a ring outside the memory", NotStarted, f => Place(f, p => p with { Descriptor = p.Descriptor + (1UL << 40) })),
        new("CVE-2018-1059: places a descriptor table across the end of a region", NotStarted, f => Place(f, p => p with { Descriptor = LowEnd(f) - 64 })),
        new("CVE-2018-1059: places an available ring across the end of a region", NotStarted, f => Place(f, p => p with { Available = LowEnd(f) - 64 })),
        new("CVE-2018-1059: places a used ring across the end of a region", NotStarted, f => Place(f, p => p with { Used = LowEnd(f) - 64 })),
        new("places a used ring at the end of all addresses", NotStarted, f => Place(f, p => p with { Used = unchecked(0UL - 64) })),
        new("misaligns a descriptor table", NotStarted, f => Place(f, p => p with { Descriptor = p.Descriptor + 8 })),
        new("misaligns an available ring", NotStarted, f => Place(f, p => p with { Available = p.Available + 1 })),
        new("misaligns a used ring", NotStarted, f => Place(f, p => p with { Used = p.Used + 2 })),
        new("DPDK 1846fe767f: kicks a stopped ring with its stale addresses", NotStarted, f =>
        {
            f.SetUp();
            f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.High.Description]), [f.Guest.High.File.Number]);
            f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(1), [f.Guest.Kicks[1].Number]);
        }),
        new("CVE-2016-5403: moves the transmit index by 40000", RingBroken, f =>
        {
            f.SetUp();
            f.Transmit.AvailableIndex += 40_000;
            f.Guest.Kick(1);
        }),
        new("CVE-2016-5403: moves the transmit index by one more than the ring has entries", RingBroken, f =>
        {
            f.SetUp();
            f.Transmit.AvailableIndex += (ushort)(f.Transmit.Size + 1);
            f.Guest.Kick(1);
        }),
        new("moves the transmit index back", RingBroken, f =>
        {
            f.SetUp();
            f.Transmit.AvailableIndex--;
            f.Guest.Kick(1);
        }),
        new("CVE-2016-5403: moves the receive index by 40000", RingBroken, f =>
        {
            f.SetUp();
            f.Receive.AvailableIndex += 40_000;
        }),
        new("makes a transmit descriptor available that is not there", RingBroken, f =>
        {
            f.SetUp();
            f.Transmits((ushort)f.Transmit.Size);
        }),
        new("makes transmit descriptor 65535 available", RingBroken, f =>
        {
            f.SetUp();
            f.Transmits(65535);
        }),
        new("makes a receive descriptor available that is not there", RingBroken, f =>
        {
            f.SetUp();
            f.Receives((ushort)f.Receive.Size);
        }),
        new("scribbles over the used ring", Tolerated, f =>
        {
            f.SetUp();
            f.Transmit.UsedIndex = 12_345;
            f.Transmit.UsedFlags = 0xffff;
            f.Receive.UsedIndex = 54_321;
            f.Guest.Kick(1);
        }),
        new("zeroes its memory as a guest that is killed", Tolerated, f =>
        {
            f.SetUp();
            // To nobody: a hundred broadcasts at once would fill others' rings, as any guest's may.
            f.Transmit.Describe(0, f.BufferForNobody(), 72);
            for (int i = 0; i < 100; i++)
                f.Transmits(0);
            f.Transmit.Clear();
            f.Receive.Clear();
        }),
    ];

    private static ulong LowEnd(HostileFrontEnd f) => GuestMemoryMap.FrontEndAddress(f.Guest.Low.End);

    private static void Place(HostileFrontEnd f, Func<VringAddresses, VringAddresses> change)
    {
        f.SetUp();
        f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
        f.Script.Send(FrontEndRequest.SetVringAddr, Payload.Addresses(1, change(f.Transmit.Place.FrontEndAddresses)));
        f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(1), [f.Guest.Kicks[1].Number]);
    }
}
