using VhostSwitch.Dataplane;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>What forwarding threads do with frames: <c>set fwd NAME</c>. Has no state; several threads use it at once.</summary>
internal abstract class ForwardMode
{
    /// <summary>The name that users know.</summary>
    public abstract string Name { get; }

    /// <summary>What it does, in one line.</summary>
    public abstract string Summary { get; }

    /// <summary>True where frames leave by the port they came from, whatever the topology.</summary>
    public virtual bool Answers => false;

    /// <summary>One turn of a stream: at most a burst of frames.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="workspace">What the thread works with.</param>
    /// <returns>False where there was nothing to do.</returns>
    public abstract bool Turn(FrameStream stream, Workspace workspace);
}

/// <summary>A mode that does something with frames that arrive.</summary>
internal abstract unsafe class ReceivingMode : ForwardMode
{
    /// <inheritdoc/>
    public sealed override bool Turn(FrameStream stream, Workspace workspace)
    {
        if (stream.Input is not { } input) return false;
        int taken = 0;
        // A loan has at most 32 frames: a larger burst is several of them.
        do
        {
            int count = workspace.Receive(stream, input);
            if (count == 0) break;
            if (workspace.Selected > 0) Forward(stream, workspace);
            input.Return(workspace.Loan);
            taken += count;
        }
        while (taken < workspace.BurstSize && taken % Burst.MaxFrames == 0);
        return taken > 0;
    }

    /// <summary>Forwards the good frames of the loan, or not.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="workspace">Has the frames.</param>
    protected abstract void Forward(FrameStream stream, Workspace workspace);

    /// <summary>Sends the good frames of the loan.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="workspace">Has the frames.</param>
    protected static void Send(FrameStream stream, Workspace workspace) =>
        workspace.Transmitter.Send(stream, workspace.Loan, workspace.Selection, workspace.Selected, workspace.Unfinished);
}

/// <summary>A mode that changes more of a frame than its addresses, or makes another one of it: it works on whole copies.</summary>
internal abstract unsafe class CopyingMode : ReceivingMode
{
    /// <summary>Changes a frame in place.</summary>
    /// <param name="stream">The stream it arrived by.</param>
    /// <param name="frame">The copy; at least 64 bytes can be read and written at its data, whatever its length.</param>
    /// <returns>False where it is not to be sent.</returns>
    protected abstract bool Change(FrameStream stream, Frame* frame);

    /// <inheritdoc/>
    protected sealed override void Forward(FrameStream stream, Workspace workspace)
    {
        var copies = workspace.Copies;
        copies.Clear();
        int work = 0;
        for (int i = 0; i < workspace.Selected; i++)
        {
            var copy = copies.Add(workspace.Loan, workspace.Loan.Frames + workspace.Selection[i]);
            if (!Change(stream, copy))
            {
                copies.RemoveLast();
                continue;
            }
            FrameCopies.Finish(copy);
            work |= copy->Offload.Flags | copy->Offload.GsoType;
        }
        if (copies.Burst.Count > 0) workspace.Transmitter.Send(stream, copies.Burst, copies.Everything, copies.Burst.Count, work != 0);
    }
}

/// <summary>A mode whose streams send frames of their own.</summary>
internal abstract unsafe class GeneratingMode : ForwardMode
{
    /// <summary>Builds the frames of a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="settings">What frames look like.</param>
    public abstract FrameGenerator Generate(FrameStream stream, GeneratorSettings settings);

    /// <summary>Sends a burst of generated frames.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="generator">The frames.</param>
    /// <param name="workspace">What the thread works with.</param>
    public static void SendBurst(FrameStream stream, FrameGenerator generator, Workspace workspace)
    {
        for (int left = workspace.BurstSize; left > 0;)
        {
            int count = Math.Min(left, generator.MostFrames);
            generator.Lend(count);
            workspace.Transmitter.Send(stream, generator.Burst, generator.Everything, count, unfinished: false);
            left -= count;
        }
    }
}
