//! Witnesses of the hand-written backward: candle's autograd through zero variables added to the attention, and central
//! differences in f64. They share no code with it beyond the forward pass.

mod common;

use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use common::{Given, assert_rows_close, expectations, floats, largest_difference, model_folders, own_models};
use tokenscope::domain::request::{Rows, Scalar};
use tokenscope::domain::{Cancel, Progress};
use tokenscope::method::ultra::{seeds, seeds_along};
use tokenscope::model::block::RowSet;
use tokenscope::model::{Backward, Model, Trace};

fn vit() -> Model {
    Model::load(&own_models().join("vit"), &Device::Cpu).unwrap()
}

fn shifts(model: &Model, tokens: usize, dtype: DType) -> Vec<Tensor> {
    let shape = (model.num_heads(), tokens, tokens);
    (0..model.num_layers()).map(|_| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()).collect()
}

fn relevance(model: &Model, trace: &Trace, layer: usize, targets: &[usize], scalar: &Scalar, rows: Rows) -> Vec<f32> {
    let seeds = seeds(&trace.residual[layer], targets, scalar).unwrap();
    let (cancel, progress) = (Cancel::default(), Progress::default());
    Backward { model, trace, layer, rows, blocks: 0, cancel: &cancel, progress: &progress }.run(targets, &seeds).unwrap()
}

/// r <- r + r mean_h relu(dA * A) from gradients dA that somebody else computed.
fn row_from_gradients(trace: &Trace, gradients: &[Tensor], target: usize) -> Vec<f32> {
    let tokens = trace.num_tokens();
    let mut row = vec![0.0_f64; tokens];
    row[target] = 1.0;
    for (block, gradient) in trace.blocks.iter().zip(gradients).rev() {
        let flow = (block.attention.as_ref().unwrap() * gradient).unwrap().relu().unwrap().mean(0).unwrap();
        let flow = floats(&flow);
        let added: Vec<f64> = (0..tokens).map(|j| (0..tokens).map(|i| row[i] * f64::from(flow[i * tokens + j])).sum()).collect();
        row.iter_mut().zip(added).for_each(|(r, a)| *r += a);
    }
    row.into_iter().map(|r| r as f32).collect()
}

fn scalar_of(trace: &Trace, layer: usize, target: usize) -> Tensor {
    let z = trace.residual[layer].get(target).unwrap();
    let norm = z.detach().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
    z.broadcast_div(&norm).unwrap().sum_all().unwrap()
}

#[test]
fn exact_rows_agree_with_autograd_in_every_family() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap();
        let given = Given::any(&model);
        let trace = given.trace(&model);
        let zeros: Vec<Var> =
            shifts(&model, trace.num_tokens(), DType::F32).iter().map(|z| Var::from_tensor(z).unwrap()).collect();
        let tensors: Vec<Tensor> = zeros.iter().map(|z| z.as_tensor().clone()).collect();
        let tracked = model.trace_with_shifts(&given.input(), &tensors).unwrap();
        let (layer, targets) = (model.num_layers(), [0, 9]);
        let mut want = Vec::new();
        for &target in &targets {
            let store = scalar_of(&tracked, layer, target).backward().unwrap();
            let gradients: Vec<Tensor> =
                zeros.iter().map(|z| store.get(z).expect("every block has a gradient").clone()).collect();
            want.extend(row_from_gradients(&trace, &gradients, target));
        }
        let got = relevance(&model, &trace, layer, &targets, &Scalar::Sum, Rows::All);
        assert_rows_close(&format!("{}", folder.display()), &got, &want, &targets, 2e-4);
    }
}

#[test]
fn attention_gradients_agree_with_differences_in_f64() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        let given = Given::any(&model);
        let trace = given.trace(&model);
        let (tokens, layer, target) = (trace.num_tokens(), model.num_layers(), 5);
        let norm = trace.residual[layer].get(target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        let value = |block: usize, place: usize, step: f64| -> f64 {
            let mut shifts = shifts(&model, tokens, DType::F64);
            let mut entries = vec![0.0; model.num_heads() * tokens * tokens];
            entries[place] = step;
            shifts[block] = Tensor::from_vec(entries, shifts[block].shape(), &Device::Cpu).unwrap();
            let shifted = model.trace_with_shifts(&given.input(), &shifts).unwrap();
            let z = shifted.residual[layer].get(target).unwrap();
            z.broadcast_div(&norm).unwrap().sum_all().unwrap().to_scalar().unwrap()
        };
        let gradients = autograd(&model, &given, &trace, layer, target);
        for (block, gradient) in gradients.iter().enumerate().take(layer) {
            let last_head = (model.num_heads() - 1) * tokens * tokens;
            for place in [tokens + 3, tokens * tokens + 5 * tokens + 2, last_head + 17] {
                let difference = (value(block, place, 1e-5) - value(block, place, -1e-5)) / 2e-5;
                let gradient = gradient.flatten_all().unwrap().get(place).unwrap().to_scalar::<f64>().unwrap();
                assert!(
                    (difference - gradient).abs() <= 1e-7 + 1e-6 * gradient.abs(),
                    "{}, block {block}: {difference} against {gradient}",
                    folder.display()
                );
            }
        }
        let exact = relevance(&model, &trace, layer, &[target], &Scalar::Sum, Rows::All);
        let want = row_from_gradients(&trace, &gradients, target);
        assert!(largest_difference(&exact, &want) < 1e-6, "{}", folder.display());
    }
}

/// Two blocks below the targets, whatever rows are carried in between, autograd says what K rows must answer: the cotangents of
/// the carried rows at layer 1 are whole, and those of the other rows are missing.
#[test]
fn carried_rows_agree_with_autograd_two_blocks_down() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        let given = Given::any(&model);
        let trace = given.trace(&model);
        let tokens = trace.num_tokens();
        for target in [0, 5] {
            let gradients = autograd(&model, &given, &trace, 2, target);
            let flows = [0, 1].map(|block: usize| {
                let flow = (trace.blocks[block].attention.as_ref().unwrap() * &gradients[block]).unwrap();
                floats(&flow.relu().unwrap().mean(0).unwrap())
            });
            let row = |flow: usize, i: usize| &flows[flow][i * tokens..][..tokens];
            let mut top = row(1, target).to_vec();
            top[target] += 1.0;
            let carrying = |rows: &[usize]| -> Vec<f32> {
                let below = |j: usize| rows.iter().map(|&i| top[i] * row(0, i)[j]).sum::<f32>();
                (0..tokens).map(|j| top[j] + below(j)).collect()
            };
            let own = carrying(&[target]);
            for keep in [1, 3, 7] {
                let want = carrying(&RowSet::strongest(&[target], &own, keep).tokens);
                let got = relevance(&model, &trace, 2, &[target], &Scalar::Sum, Rows::Some(keep));
                assert_rows_close(&format!("{}, {keep} rows", folder.display()), &got, &want, &[target], 1e-5);
            }
        }
    }
}

fn autograd(model: &Model, given: &Given, trace: &Trace, layer: usize, target: usize) -> Vec<Tensor> {
    let zeros = shifts(model, trace.num_tokens(), trace.residual[0].dtype());
    let zeros: Vec<Var> = zeros.iter().map(|z| Var::from_tensor(z).unwrap()).collect();
    let tensors: Vec<Tensor> = zeros.iter().map(|z| z.as_tensor().clone()).collect();
    let tracked = model.trace_with_shifts(&given.input(), &tensors).unwrap();
    let store = scalar_of(&tracked, layer, target).backward().unwrap();
    zeros.iter().take(layer).map(|z| store.get(z).unwrap().clone()).collect()
}

/// Of a word of several pieces the mean of their scalars is followed, and the mean of their rows is read: gradients of a mean are
/// means of gradients.
#[test]
fn words_of_several_pieces_agree_with_autograd() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        let (given, pieces) = (Given::any(&model), [3, 4, 5]);
        let trace = given.trace(&model);
        let (tokens, layer) = (trace.num_tokens(), model.num_layers());
        let mut gradients = autograd(&model, &given, &trace, layer, pieces[0]);
        for &piece in &pieces[1..] {
            let more = autograd(&model, &given, &trace, layer, piece);
            gradients = gradients.iter().zip(&more).map(|(a, b)| (a + b).unwrap()).collect();
        }
        let gradients: Vec<Tensor> = gradients.iter().map(|g| (g / 3.0).unwrap()).collect();
        let rows: Vec<Vec<f32>> = pieces.iter().map(|&piece| row_from_gradients(&trace, &gradients, piece)).collect();
        let want: Vec<f32> = (0..tokens).map(|t| rows.iter().map(|row| row[t]).sum::<f32>() / 3.0).collect();
        let (cancel, progress) = (Cancel::default(), Progress::default());
        let seeds = seeds(&trace.residual[layer], &pieces, &Scalar::Sum).unwrap();
        let run = |rows| {
            let backward =
                Backward { model: &model, trace: &trace, layer, rows, blocks: 0, cancel: &cancel, progress: &progress };
            backward.run_word(&pieces, &seeds).unwrap()
        };
        let exact = run(Rows::All);
        assert!(largest_difference(&exact, &want) < 1e-6, "{}", folder.display());
        assert_eq!(run(Rows::Some(tokens)), exact);
        for few in [run(Rows::Some(1)), run(Rows::Some(6))] {
            assert!(few.iter().zip(&exact).all(|(a, b)| (a - b).abs() <= 0.5 * (1.0 + b.abs())), "{}", folder.display());
        }
    }
}

/// The fused loops and candle's operations are two implementations of the same block: any row set must agree.
#[test]
fn fused_and_composed_paths_agree_for_every_number_of_rows() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap();
        let wide = model.to_dtype(DType::F64).unwrap();
        let given = Given::any(&model);
        let trace = given.trace(&model);
        let wide_trace = given.trace(&wide);
        let targets: Vec<usize> = (0..trace.num_tokens()).collect();
        for layer in [0, 1, 2, model.num_layers()] {
            for rows in [Rows::Some(1), Rows::Some(3), Rows::All] {
                for scalar in &[Scalar::Sum, Scalar::Norm] {
                    let got = relevance(&model, &trace, layer, &targets, scalar, rows);
                    let want = relevance(&wide, &wide_trace, layer, &targets, scalar, rows);
                    assert_rows_close(&format!("{} {layer} {rows} {scalar}", folder.display()), &got, &want, &targets, 1e-3);
                }
            }
        }
    }
}

/// PyTorch's rows (tests/fixtures/scalars.py) of the sum of z / |z|, of z itself, and of |z|.
#[test]
fn rows_of_scalars_without_a_direction_are_pytorch_s() {
    for name in ["vit", "bert_words", "gpt2"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/scalars/{name}.safetensors"));
        let want = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        let model = Model::load(&own_models().join(name), &Device::Cpu).unwrap();
        let trace = Given::expected(&expectations(&own_models().join(name)).remove(0)).trace(&model);
        for (scalar, key) in [(Scalar::Sum, "sum"), (Scalar::RawSum, "raw_sum"), (Scalar::Norm, "norm")] {
            for layer in [1, 2, 3] {
                let got = relevance(&model, &trace, layer, &[0, 5, 9], &scalar, Rows::All);
                let want = floats(&want[&format!("{key}_{layer}")]);
                assert_rows_close(&format!("{name} {layer} {scalar}"), &got, &want, &[0, 5, 9], 1e-3);
            }
        }
    }
}

/// One block down, a row is the token itself and mean_h relu(A dA), dA the change of the sum of z with each entry of the attention.
#[test]
fn the_raw_sum_agrees_with_differences_in_f64() {
    for name in ["vit", "gpt2", "bert"] {
        let model = Model::load(&own_models().join(name), &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        let given = Given::any(&model);
        let trace = given.trace(&model);
        let (tokens, heads, target) = (trace.num_tokens(), model.num_heads(), 5);
        let attention = floats(trace.blocks[0].attention.as_ref().unwrap());
        let sum = |place: usize, step: f64| -> f64 {
            let mut shifts = shifts(&model, tokens, DType::F64);
            let mut entries = vec![0.0; heads * tokens * tokens];
            entries[place] = step;
            shifts[0] = Tensor::from_vec(entries, shifts[0].shape(), &Device::Cpu).unwrap();
            let shifted = model.trace_with_shifts(&given.input(), &shifts).unwrap();
            shifted.residual[1].get(target).unwrap().sum_all().unwrap().to_scalar().unwrap()
        };
        let flow = |head: usize, to: usize| {
            let place = (head * tokens + target) * tokens + to;
            let change = (sum(place, 1e-5) - sum(place, -1e-5)) / 2e-5;
            (f64::from(attention[place]) * change).max(0.0) / heads as f64
        };
        let own = |to: usize| f64::from(u8::from(to == target));
        let want: Vec<f32> =
            (0..tokens).map(|to| (own(to) + (0..heads).map(|head| flow(head, to)).sum::<f64>()) as f32).collect();
        let raw = relevance(&model, &trace, 1, &[target], &Scalar::RawSum, Rows::All);
        assert!(largest_difference(&raw, &want) < 1e-5, "{name}: {raw:?} {want:?}");
        // One block down |z| is the only difference from the sum of z / |z|.
        let length = trace.residual[1].get(target).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
        let unit = relevance(&model, &trace, 1, &[target], &Scalar::Sum, Rows::All);
        let flows = |row: &[f32]| (0..tokens).map(|to| f64::from(row[to]) - own(to)).sum::<f64>();
        assert!((flows(&raw) - length * flows(&unit)).abs() < 1e-4 * (1.0 + flows(&raw)), "{name}");
    }
}

#[test]
fn a_zero_token_flows_nowhere() {
    let zero = Tensor::zeros((2, 4), DType::F32, &Device::Cpu).unwrap();
    for scalar in [Scalar::Sum, Scalar::Norm] {
        assert_eq!(floats(&seeds(&zero, &[0, 1], &scalar).unwrap()), [0.0; 8], "{scalar}");
    }
    assert_eq!(floats(&seeds(&zero, &[0], &Scalar::RawSum).unwrap()), [1.0; 4]);
    let along = Tensor::ones((1, 4), DType::F32, &Device::Cpu).unwrap();
    assert_eq!(floats(&seeds_along(&along, &zero, &[0]).unwrap()), [0.0; 4]);
}

/// Properties that hold for any model: rows are at least the identity, layer 0 is the identity, K = T is exact.
#[test]
fn relevance_has_the_properties_of_its_definition() {
    let model = vit();
    let trace = Given::any(&model).trace(&model);
    let (tokens, layer) = (trace.num_tokens(), model.num_layers());
    let identity = relevance(&model, &trace, 0, &[4], &Scalar::Sum, Rows::All);
    assert_eq!(identity, (0..tokens).map(|j| f32::from(u8::from(j == 4))).collect::<Vec<_>>());
    let exact = relevance(&model, &trace, layer, &[4], &Scalar::Sum, Rows::All);
    assert!(exact.iter().zip(&identity).all(|(r, e)| r >= e));
    let all_rows = relevance(&model, &trace, layer, &[4], &Scalar::Sum, Rows::Some(tokens));
    assert_eq!(exact, all_rows);
    let among_others = relevance(&model, &trace, layer, &[1, 4, 6], &Scalar::Sum, Rows::All);
    assert!(largest_difference(&exact, &among_others[tokens..2 * tokens]) < 1e-7);
}

/// A trace that forgot its attention, as large ones do, recomputes it block by block.
#[test]
fn attention_that_was_not_kept_is_recomputed() {
    let model = vit();
    let mut trace = Given::any(&model).trace(&model);
    let layer = model.num_layers();
    let kept = relevance(&model, &trace, layer, &[0, 4], &Scalar::Sum, Rows::All);
    trace.blocks.iter_mut().for_each(|block| block.attention = None);
    assert_eq!(relevance(&model, &trace, layer, &[0, 4], &Scalar::Sum, Rows::All), kept);
}
