namespace VhostSwitch.Dataplane.Tests;

/// <summary>Sends a frame where the script says for its token.</summary>
internal sealed unsafe class ScriptedForwarder(Func<ushort, ushort> output) : Forwarder
{
    public List<ushort> Forgotten { get; } = [];

    public Action<ushort>? OnForget { get; set; }

    /// <summary>The routes of a frame that the script sends by <see cref="Frame.Routed"/>, for its token.</summary>
    public Func<ushort, FrameRoute[]>? Routes { get; set; }

    public override void Decide(Burst burst, ushort source)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Frames[i].Output != Frame.Undecided) continue;
            ushort token = burst.Frames[i].Token;
            burst.Frames[i].Output = output(token);
            if (burst.Frames[i].Output != Frame.Routed) continue;
            burst.Routes!.Begin(i);
            foreach (var route in Routes!(token))
                Assert.True(burst.Routes.TryAdd(route));
        }
    }

    public override void Forget(ushort id)
    {
        OnForget?.Invoke(id);
        Forgotten.Add(id);
    }
}
