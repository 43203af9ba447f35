namespace VhostSwitch.Dataplane.Tests;

/// <summary>Sends a frame where the script says for its token.</summary>
internal sealed unsafe class ScriptedForwarder(Func<ushort, ushort> output) : Forwarder
{
    public List<ushort> Forgotten { get; } = [];

    public Action<ushort>? OnForget { get; set; }

    public override void Decide(Burst burst, ushort source)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Frames[i].Output == Frame.Undecided) burst.Frames[i].Output = output(burst.Frames[i].Token);
        }
    }

    public override void Forget(ushort id)
    {
        OnForget?.Invoke(id);
        Forgotten.Add(id);
    }
}
