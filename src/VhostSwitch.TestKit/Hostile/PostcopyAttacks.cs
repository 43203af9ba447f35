using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Messages of a postcopy migration in orders that no front-end has, against a device that offers it.</summary>
public static class PostcopyAttacks
{
    /// <summary>The attacks. The host must allow userfaultfd.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        Does("listens for postcopy that was not announced", Disconnected, f => f.Script.Send(FrontEndRequest.PostcopyListen)),
        Does("listens for postcopy when its memory is there", Disconnected, f =>
        {
            Table(f);
            f.Script.Ask(FrontEndRequest.PostcopyAdvise);
            f.Script.Send(FrontEndRequest.PostcopyListen);
        }),
        Does("announces postcopy with a payload", Disconnected, f => f.Script.Send(FrontEndRequest.PostcopyAdvise, new byte[8])),
        Does("listens for postcopy with a descriptor", Disconnected,
            f => f.Script.Send(FrontEndRequest.PostcopyListen, default, [f.Guest.Kicks[0].Number])),
        Does("ends postcopy that never began", Tolerated, f => f.Script.Ask(FrontEndRequest.PostcopyEnd)),
        Does("announces postcopy a hundred times", Tolerated, f =>
        {
            for (int i = 0; i < 100; i++)
                f.Script.Ask(FrontEndRequest.PostcopyAdvise);
        }),
        Does("confirms memory that it never sent", Tolerated, f => f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([]))),
        Does("ends postcopy and then confirms its memory", Tolerated, f =>
        {
            Listen(f);
            Offer(f);
            f.Script.Ask(FrontEndRequest.PostcopyEnd);
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([]));
        }),
        Does("sends its memory ten times and confirms it ten times", Tolerated, f =>
        {
            Listen(f);
            for (int i = 0; i < 10; i++)
                Offer(f);
            for (int i = 0; i < 10; i++)
                f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([]));
        }),
        Does("announces postcopy again between its memory and the confirmation", Tolerated, f =>
        {
            Listen(f);
            Offer(f);
            f.Script.Ask(FrontEndRequest.PostcopyAdvise);
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([]));
            f.Script.Ask(FrontEndRequest.PostcopyEnd);
        }),
        Does("resets between its memory and the confirmation", Tolerated, f =>
        {
            Listen(f);
            Offer(f);
            f.Script.Send(FrontEndRequest.ResetDevice);
            f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table([]));
            f.Script.Ask(FrontEndRequest.PostcopyEnd);
        }),
        Does("goes between its memory and the confirmation", Tolerated, f =>
        {
            Listen(f);
            Offer(f);
        }),
        Does("sends a bad memory table while it listens for postcopy", Disconnected, f =>
        {
            Listen(f);
            f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table([f.Guest.Low.Description with { Size = 1UL << 40 }]), [f.Guest.Low.File.Number]);
        }),
    ];

    private static Attack Does(string name, AttackOutcome outcome, Action<HostileFrontEnd> run) => new(name, outcome, f =>
    {
        f.Negotiate(ProtocolFeatures.Pagefault);
        run(f);
    });

    private static void Listen(HostileFrontEnd f)
    {
        f.Script.Ask(FrontEndRequest.PostcopyAdvise);
        f.Script.Acknowledge(FrontEndRequest.PostcopyListen);
    }

    private static void Table(HostileFrontEnd f) =>
        f.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table(f.Guest.Memory.Descriptions), f.Guest.Memory.Descriptors);

    // The answer is the table itself, with the addresses it has here.
    private static void Offer(HostileFrontEnd f)
    {
        f.Script.Send(FrontEndRequest.SetMemTable, Payload.Table(f.Guest.Memory.Descriptions), f.Guest.Memory.Descriptors);
        f.Script.Receive();
    }
}
