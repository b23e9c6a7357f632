//! Witnesses of the hand-written backward: candle's autograd through zero variables added to the attention, and central
//! differences in f64. They share no code with it beyond the forward pass.

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{assert_rows_close, floats, largest_difference, model_folders};
use tokenscope::domain::request::{Rows, Scalar};
use tokenscope::domain::{Cancel, Progress};
use tokenscope::method::ultra::seeds;
use tokenscope::model::{Backward, Model, Trace};

const SIZE: (usize, usize) = (32, 40);

fn pixels() -> Vec<f32> {
    (0..3 * SIZE.0 * SIZE.1).map(|i| ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * 1.3).collect()
}

fn shifts(model: &Model, tokens: usize, dtype: DType) -> Vec<Tensor> {
    let shape = (model.num_heads(), tokens, tokens);
    (0..model.num_layers()).map(|_| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()).collect()
}

fn relevance(model: &Model, trace: &Trace, layer: usize, targets: &[usize], scalar: Scalar, rows: Rows) -> Vec<f32> {
    let seeds = seeds(&trace.residual[layer], targets, scalar).unwrap();
    let (cancel, progress) = (Cancel::default(), Progress::default());
    Backward { model, trace, layer, rows, cancel: &cancel, progress: &progress }.run(targets, &seeds).unwrap()
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
        let trace = model.trace(&pixels(), SIZE, &Cancel::default(), &Progress::default()).unwrap();
        let zeros: Vec<Var> =
            shifts(&model, trace.num_tokens(), DType::F32).iter().map(|z| Var::from_tensor(z).unwrap()).collect();
        let tensors: Vec<Tensor> = zeros.iter().map(|z| z.as_tensor().clone()).collect();
        let image = Tensor::from_vec(pixels(), (3, SIZE.0, SIZE.1), &Device::Cpu).unwrap();
        let tracked = model.trace_with_shifts(&image, &tensors).unwrap();
        let (layer, targets) = (model.num_layers(), [0, 9]);
        let mut want = Vec::new();
        for &target in &targets {
            let store = scalar_of(&tracked, layer, target).backward().unwrap();
            let gradients: Vec<Tensor> =
                zeros.iter().map(|z| store.get(z).expect("every block has a gradient").clone()).collect();
            want.extend(row_from_gradients(&trace, &gradients, target));
        }
        let got = relevance(&model, &trace, layer, &targets, Scalar::Sum, Rows::All);
        assert_rows_close(&format!("{}", folder.display()), &got, &want, &targets, 2e-4);
    }
}

#[test]
fn attention_gradients_agree_with_differences_in_f64() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        let trace = model.trace(&pixels(), SIZE, &Cancel::default(), &Progress::default()).unwrap();
        let (tokens, layer, target) = (trace.num_tokens(), model.num_layers(), 5);
        let image = Tensor::from_vec(pixels(), (3, SIZE.0, SIZE.1), &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        let norm = trace.residual[layer].get(target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        let value = |block: usize, place: usize, step: f64| -> f64 {
            let mut shifts = shifts(&model, tokens, DType::F64);
            let mut entries = vec![0.0; model.num_heads() * tokens * tokens];
            entries[place] = step;
            shifts[block] = Tensor::from_vec(entries, shifts[block].shape(), &Device::Cpu).unwrap();
            let shifted = model.trace_with_shifts(&image, &shifts).unwrap();
            let z = shifted.residual[layer].get(target).unwrap();
            z.broadcast_div(&norm).unwrap().sum_all().unwrap().to_scalar().unwrap()
        };
        let gradients = autograd(&model, &image, &trace, layer, target);
        for (block, gradient) in gradients.iter().enumerate().take(layer) {
            for place in [tokens + 3, tokens * tokens + 5 * tokens + 2, 2 * tokens * tokens + 17] {
                let difference = (value(block, place, 1e-5) - value(block, place, -1e-5)) / 2e-5;
                let gradient = gradient.flatten_all().unwrap().get(place).unwrap().to_scalar::<f64>().unwrap();
                assert!(
                    (difference - gradient).abs() <= 1e-7 + 1e-6 * gradient.abs(),
                    "{}, block {block}: {difference} against {gradient}",
                    folder.display()
                );
            }
        }
        let exact = relevance(&model, &trace, layer, &[target], Scalar::Sum, Rows::All);
        let want = row_from_gradients(&trace, &gradients, target);
        assert!(largest_difference(&exact, &want) < 1e-6, "{}", folder.display());
    }
}

fn autograd(model: &Model, image: &Tensor, trace: &Trace, layer: usize, target: usize) -> Vec<Tensor> {
    let zeros = shifts(model, trace.num_tokens(), DType::F64);
    let zeros: Vec<Var> = zeros.iter().map(|z| Var::from_tensor(z).unwrap()).collect();
    let tensors: Vec<Tensor> = zeros.iter().map(|z| z.as_tensor().clone()).collect();
    let tracked = model.trace_with_shifts(image, &tensors).unwrap();
    let store = scalar_of(&tracked, layer, target).backward().unwrap();
    zeros.iter().map(|z| store.get(z).unwrap().clone()).collect()
}

/// The fused loops and candle's operations are two implementations of the same block: any row set must agree.
#[test]
fn fused_and_composed_paths_agree_for_every_number_of_rows() {
    for folder in model_folders() {
        let model = Model::load(&folder, &Device::Cpu).unwrap();
        let wide = model.to_dtype(DType::F64).unwrap();
        let trace = model.trace(&pixels(), SIZE, &Cancel::default(), &Progress::default()).unwrap();
        let wide_trace = wide.trace(&pixels(), SIZE, &Cancel::default(), &Progress::default()).unwrap();
        let targets: Vec<usize> = (0..trace.num_tokens()).collect();
        for layer in [0, 1, 2, model.num_layers()] {
            for rows in [Rows::Some(1), Rows::Some(3), Rows::All] {
                for scalar in [Scalar::Sum, Scalar::Norm] {
                    let got = relevance(&model, &trace, layer, &targets, scalar, rows);
                    let want = relevance(&wide, &wide_trace, layer, &targets, scalar, rows);
                    assert_rows_close(&format!("{} {layer} {rows} {scalar}", folder.display()), &got, &want, &targets, 1e-3);
                }
            }
        }
    }
}

/// Properties that hold for any model: rows are at least the identity, layer 0 is the identity, K = T is exact.
#[test]
fn relevance_has_the_properties_of_its_definition() {
    let model = Model::load(&model_folders()[0], &Device::Cpu).unwrap();
    let trace = model.trace(&pixels(), SIZE, &Cancel::default(), &Progress::default()).unwrap();
    let (tokens, layer) = (trace.num_tokens(), model.num_layers());
    let identity = relevance(&model, &trace, 0, &[4], Scalar::Sum, Rows::All);
    assert_eq!(identity, (0..tokens).map(|j| f32::from(u8::from(j == 4))).collect::<Vec<_>>());
    let exact = relevance(&model, &trace, layer, &[4], Scalar::Sum, Rows::All);
    assert!(exact.iter().zip(&identity).all(|(r, e)| r >= e));
    let all_rows = relevance(&model, &trace, layer, &[4], Scalar::Sum, Rows::Some(tokens));
    assert_eq!(exact, all_rows);
    let among_others = relevance(&model, &trace, layer, &[1, 4, 6], Scalar::Sum, Rows::All);
    assert!(largest_difference(&exact, &among_others[tokens..2 * tokens]) < 1e-7);
}

/// A trace that forgot its attention, as large ones do, recomputes it block by block.
#[test]
fn attention_that_was_not_kept_is_recomputed() {
    let model = Model::load(&model_folders()[0], &Device::Cpu).unwrap();
    let mut trace = model.trace(&pixels(), SIZE, &Cancel::default(), &Progress::default()).unwrap();
    let layer = model.num_layers();
    let kept = relevance(&model, &trace, layer, &[0, 4], Scalar::Sum, Rows::All);
    trace.blocks.iter_mut().for_each(|block| block.attention = None);
    assert_eq!(relevance(&model, &trace, layer, &[0, 4], Scalar::Sum, Rows::All), kept);
}
