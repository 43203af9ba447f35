using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Memory tables that break the rules.</summary>
public static class MemoryAttacks
{
    private const int Slots = 509;
    private const ulong Page = 4096;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        new("sends a memory table without a table", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, new byte[4])),
        new("announces nine regions", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description], 9), [f.Guest.Low.File.Number])),
        new("announces four billion regions", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description], uint.MaxValue), [f.Guest.Low.File.Number])),
        new("announces more regions than it sends", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description], 2), [f.Guest.Low.File.Number, f.Guest.High.File.Number])),
        new("sends more files than regions", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description]), [f.Guest.Low.File.Number, f.Guest.High.File.Number])),
        new("sends fewer files than regions", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description, f.Guest.High.Description]), [f.Guest.Low.File.Number])),
        new("sends regions without files", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description]))),
        new("shares an empty region", Disconnected, f => Share(f, Low(f) with { Size = 0 })),
        new("shares a region that wraps around the guest's addresses", Disconnected, f => Share(f, Low(f) with { GuestAddress = unchecked(0UL - Page) })),
        new("shares a region that wraps around the front-end's addresses", Disconnected, f => Share(f, Low(f) with { FrontEndAddress = unchecked(0UL - Page) })),
        new("shares a region whose offset and size wrap", Disconnected, f => Share(f, new RegionDescription(0, unchecked(0UL - Page), 0, 2 * Page))),
        new("shares a region of nearly all addresses", Disconnected, f => Share(f, Low(f) with { GuestAddress = 0, FrontEndAddress = 0, Size = ulong.MaxValue - Page })),
        new("shares a region that is longer than its file", Disconnected, f => Share(f, Low(f) with { Size = Low(f).Size + (2 * Page) })),
        new("shares a region that begins behind its file", Disconnected, f => Share(f, Low(f) with { FileOffset = 1UL << 40 })),
        new("shares what cannot be mapped", Disconnected, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([Low(f)]), [f.Guest.Kicks[0].Number])),
        new("shares regions that overlap for the guest", Disconnected, f => Share(f, Low(f), f.Guest.High.Description with { GuestAddress = Low(f).GuestAddress + Page })),
        new("shares regions that overlap for the front-end", Disconnected, f => Share(f, Low(f), f.Guest.High.Description with { FrontEndAddress = Low(f).FrontEndAddress + Page })),
        new("shares the same region twice", Disconnected, f => Share(f, Low(f), Low(f))),
        new("adds more regions than there are slots", Refused, f =>
        {
            f.Negotiate(ProtocolFeatures.ConfigureMemSlots);
            f.Script.Ask(FrontEndRequest.GetMaxMemSlots);
            for (uint i = 0; i < Slots; i++)
                Add(f, i);
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.AddMemReg, Payload.Region(Slot(f, Slots)), [f.Guest.Low.File.Number]));
        }),
        new("adds a region twice, as QEMU before 8.0 does for two queue pairs", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.ConfigureMemSlots);
            Add(f, 0);
            Add(f, 0);
            Remove(f, 0);
            Remove(f, 0);
        }),
        new("adds a region twice, at another place in the file", Refused, f =>
        {
            f.Negotiate(ProtocolFeatures.ConfigureMemSlots);
            Add(f, 0);
            var other = Slot(f, 0) with { FileOffset = Slot(f, 0).FileOffset + Page };
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.AddMemReg, Payload.Region(other), [f.Guest.Low.File.Number]));
        }),
        new("adds a region without a file", Refused, f =>
        {
            f.Negotiate(ProtocolFeatures.ConfigureMemSlots);
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.AddMemReg, Payload.Region(Slot(f, 0))));
        }),
        new("removes a region that was never added", Tolerated, f =>
        {
            f.Negotiate(ProtocolFeatures.ConfigureMemSlots);
            Add(f, 0);
            Remove(f, 1);
        }),
        new("removes a region with two files", Refused, f =>
        {
            f.Negotiate(ProtocolFeatures.ConfigureMemSlots);
            Add(f, 0);
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.RemMemReg, Payload.Region(Slot(f, 0)), [f.Guest.Low.File.Number, f.Guest.Low.File.Number]));
        }),
        new("exchanges the memory table again and again while rings run", Tolerated, f =>
        {
            f.SetUp();
            for (int i = 0; i < 50; i++)
                f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table(f.Guest.Memory.Descriptions), f.Guest.Memory.Descriptors);
        }),
        new("takes the memory away under its running rings", NotStarted, f =>
        {
            f.SetUp();
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.High.Description]), [f.Guest.High.File.Number]);
        }),
        new("takes all memory away under its running rings", NotStarted, f =>
        {
            f.SetUp();
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([]));
        }),
        new("sends a bad memory table while rings run", Refused, f =>
        {
            f.SetUp();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([Low(f) with { Size = 1UL << 40 }]), [f.Guest.Low.File.Number]));
        }),
    ];

    private static RegionDescription Low(HostileFrontEnd f) => f.Guest.Low.Description;

    private static void Share(HostileFrontEnd f, params ReadOnlySpan<RegionDescription> regions)
    {
        int[] files = [f.Guest.Low.File.Number, f.Guest.High.File.Number];
        f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table(regions), files.AsSpan(0, regions.Length));
    }

    private static void Add(HostileFrontEnd f, uint slot)
    {
        if (f.Script.Acknowledge(FrontEndRequest.AddMemReg, Payload.Region(Slot(f, slot)), [f.Guest.Low.File.Number]) != 0)
            throw new FrontEndScriptException($"the back-end refused slot {slot}");
    }

    private static void Remove(HostileFrontEnd f, uint slot)
    {
        if (f.Script.Acknowledge(FrontEndRequest.RemMemReg, Payload.Region(Slot(f, slot))) != 0)
            throw new FrontEndScriptException($"the back-end did not remove slot {slot}");
    }

    private static RegionDescription Slot(HostileFrontEnd f, uint slot)
    {
        ulong address = ScriptedGuest.HighStart + (slot * 2 * Page);
        return new RegionDescription(address, Page, GuestMemoryMap.FrontEndAddress(address), f.Guest.Low.Description.FileOffset);
    }
}
